//! `swarmtrace check`: assertions over a trace, and a comparison with earlier ones.

mod request;
#[cfg(test)]
mod tests;

use super::options::{Sampling, Selection, Tuning, parse_percent};
use crate::check::{Observations, conclude};
use crate::output::check::{ReportFormat, render};
use crate::output::notes::announce;
use crate::output::{self, style};
use crate::recording::{CheckReport, RunSummary};
use crate::session::{Driver, DriverOptions, Item, TraceLimits, TraceOptions};
use crate::sys::atomic_file::AtomicFile;
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use swarmtrace_common::Mode;

/// Measures connections and says whether they are as they should be
///
/// Traces for --duration, --count connections or as long as a command runs, or
/// reads what follow recorded, then judges every assertion, and compares with a
/// baseline. Exit status 0: all of it was measured and holds. 1: something does
/// not. 2: it could not be measured (too few samples, events lost, no taps, a
/// failed command), or a mistake on the command line.
#[derive(clap::Args, Clone, Debug)]
#[command(after_long_help = include_str!("help.txt"))]
pub struct Args {
    /// Which connections
    #[command(flatten)]
    pub selection: Selection,
    /// What must hold, like 'handshake.p99 < 5ms'; may be given more than once
    #[arg(long = "assert", short = 'a', value_name = "EXPR")]
    pub asserts: Vec<String>,
    /// A file of assertions, one a line; # begins a comment
    #[arg(long, value_name = "FILE")]
    pub assertions: Option<PathBuf>,
    /// Judge these recordings of 'follow --output json' instead of tracing; several
    /// nodes' are joined
    #[arg(long, value_name = "FILE", num_args = 1..,
          conflicts_with_all = ["service", "port", "network", "client", "count", "duration", "command"])]
    pub from: Vec<PathBuf>,
    /// Compare with the runs in this file
    #[arg(long, short, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Add this run to the baseline in this file, unless something is wrong with it
    ///
    /// Save five or more runs: only several say how much runs differ by
    /// themselves. The latest 20 are kept.
    #[arg(long, value_name = "FILE")]
    pub save_baseline: Option<PathBuf>,
    /// Tolerated regression: how much slower than the baseline a measure may be
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, default_value = "10%")]
    pub tolerance: f64,
    /// Fewest times that a figure may rest on; a p99 takes 100 anyway
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub min_samples: u64,
    /// How to print the outcome
    #[arg(long, short, value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
    /// Write the outcome to a file, too: junit=report.xml, markdown=summary.md; may be
    /// given more than once
    #[arg(long, value_name = "FORMAT=FILE", value_parser = ReportFormat::with_file)]
    pub report: Vec<(ReportFormat, PathBuf)>,
    /// How many of them
    #[command(flatten)]
    pub sampling: Sampling,
    /// How the kernel side works
    #[command(flatten)]
    pub tuning: Tuning,
    /// Trace while this command runs; what it prints goes to standard error, and if
    /// it fails nothing was measured
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

impl Args {
    /// Checks, and prints the report.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let cannot_write = |path: &Path| format!("cannot write {}", path.display());
        // A directory that does not exist is an error now rather than after half an hour.
        let files: Vec<AtomicFile> = (self.report.iter())
            .map(|(_, path)| AtomicFile::create(path).with_context(|| cannot_write(path)))
            .collect::<Result<_>>()?;
        let report = self.check().await?;
        for ((format, path), file) in self.report.iter().zip(files) {
            let text = style::plain(&render(&report, *format)?);
            file.commit(text.as_bytes())
                .with_context(|| cannot_write(path))?;
        }
        output::print(&render(&report, self.output)?)?;
        Ok(ExitCode::from(report.exit_code))
    }

    /// Errors about the command line and its files come before anything is traced.
    async fn check(&self) -> Result<CheckReport> {
        let request = self.request()?;
        let (seen, run) = self.measure().await?;
        Ok(conclude(request, &seen, run)?)
    }

    /// Traces, or reads recordings, to the end.
    async fn measure(&self) -> Result<(Observations, RunSummary)> {
        let mut driver = self.driver().await?;
        announce(&self.selection.what(), driver.trace(), "");
        let mut seen = Observations::new();
        while let Some(item) = driver.next().await? {
            if let Item::Timeline(judged) = item
                && seen.add(&judged.timeline)
            {
                driver.count();
            }
        }
        Ok((seen, driver.run_summary()))
    }

    async fn driver(&self) -> Result<Driver> {
        if !self.from.is_empty() {
            return Driver::recorded(&self.from);
        }
        let trace = TraceOptions {
            sample: self.sampling.sample,
            ..self.selection.trace(Mode::Transitions, &self.tuning)
        };
        let options = DriverOptions {
            limits: TraceLimits {
                command: self.command.clone(),
                ..self.selection.limits()
            },
            // A connection whose answer is late must not be left out for that.
            complete: true,
            ..DriverOptions::default()
        };
        Driver::live(trace, options).await
    }
}
