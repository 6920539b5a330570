//! The command line of the scenarios: `cargo xtask scenarios` and
//! `cargo xtask scenario NAME`.
//!
//! `build` builds the swarmtrace that they run, the release binary, and returns its
//! path.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use bed::binary;

use crate::play;

/// What to play.
#[derive(Debug, clap::Args)]
pub struct ScenarioOptions {
    /// Its name: `cargo xtask scenarios` lists them
    name: String,
    /// Play it this often; swarmtrace's text is shown the first time
    #[arg(long, default_value_t = 1, value_name = "N")]
    repeat: u32,
}

/// What to do with all of them.
#[derive(Debug, clap::Args)]
pub struct ScenariosOptions {
    /// Play every one this often, and print how often swarmtrace recognised each
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: Option<u32>,
    /// On this many Swarms side by side: one for two processors
    #[arg(long, default_value_t = 1, value_name = "N", requires = "repeat", value_parser = clap::value_parser!(u32).range(1..=4))]
    jobs: u32,
}

/// Lists them, or plays them all: exit code 1 if one was recognised in less than
/// 95 % of its runs.
///
/// # Errors
/// Errors if swarmtrace does not build.
pub fn every(
    options: &ScenariosOptions,
    build: impl FnOnce() -> Result<PathBuf>,
) -> Result<ExitCode> {
    let Some(repeat) = options.repeat else {
        play::list();
        return Ok(ExitCode::SUCCESS);
    };
    binary::choose(build()?);
    Ok(code(play::table(repeat as usize, options.jobs as usize)?))
}

/// Plays one, and shows what its user would see: exit code 1 if swarmtrace did not
/// recognise it.
///
/// # Errors
/// Errors if swarmtrace does not build, and if there is no such scenario.
pub fn one(options: &ScenarioOptions, build: impl FnOnce() -> Result<PathBuf>) -> Result<ExitCode> {
    binary::choose(build()?);
    Ok(code(play::play(&options.name, options.repeat)?))
}

fn code(passed: bool) -> ExitCode {
    match passed {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
