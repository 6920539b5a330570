//! `swarmtrace features`: what works on this kernel, what does not, and why not.

use super::options::OutputFormat;
use crate::features;
use crate::output;
use crate::recording;
use std::process::ExitCode;

/// Nothing can be traced here.
const NOT_HERE: u8 = 2;

/// Says what works on this kernel, what is missing, and how to get it
///
/// Asks the kernel and Docker, and loads every program for real, which shows how
/// much the kernel's verifier has to look at (its limit is a million
/// instructions). Nothing is attached, no packet is looked at and nothing stays.
/// Without root it says what can be found out without.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code:
  0  tracing works; what is missing only makes it say less
  2  nothing can be traced, and the first line says why")]
pub struct Args {
    /// How to print: text for people, json for one object with features and programs
    #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
    output: OutputFormat,

    /// Print all that the kernel's verifier says of a program that it refuses
    #[arg(long, short)]
    verbose: bool,
}

impl Args {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let report = features::examine(self.verbose).await;
        output::print(&match self.output {
            OutputFormat::Text => output::features::text::render(&report),
            OutputFormat::Json => recording::write_pretty(&report)?,
        })?;
        Ok(match report.works {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(NOT_HERE),
        })
    }
}
