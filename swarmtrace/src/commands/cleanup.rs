//! `swarmtrace cleanup`: removes what a killed run left behind.

use crate::capture::{RUN_DIR, cleanup};
use anyhow::{Context as _, Result, ensure};
use std::path::Path;
use std::process::ExitCode;

/// Removes what a killed run left on the devices
///
/// Only kernels before 6.6 keep anything, and only after a SIGKILL: swarmtrace's
/// own tc filters, and the clsact qdiscs that it had to add. Other programs'
/// filters and qdiscs, and those of a swarmtrace that still runs, are not
/// touched. Every start does the same first.
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    #[expect(clippy::unused_async, reason = "commands! awaits every command")]
    pub(super) async fn run(self) -> Result<ExitCode> {
        ensure!(
            nix::unistd::geteuid().is_root(),
            "removing tc filters needs root: run it with sudo"
        );
        let done = cleanup(Path::new(RUN_DIR)).context("cannot clean up")?;
        if done.dead_runs == 0 {
            println!("nothing was left behind");
            return Ok(ExitCode::SUCCESS);
        }
        println!(
            "removed the taps that {} killed run{} left on {} device{}",
            done.dead_runs,
            plural(done.dead_runs),
            done.swept.len(),
            plural(done.swept.len()),
        );
        for (at, why) in &done.failed {
            match at {
                Some(at) => anstream::eprintln!(
                    "swarmtrace: device {} in namespace {} was not cleaned: {why}",
                    at.ifindex,
                    at.namespace,
                ),
                None => anstream::eprintln!("swarmtrace: a journal was not removed: {why}"),
            }
        }
        Ok(match done.failed.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(2),
        })
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
