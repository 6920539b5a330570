//! The `swarmtrace` command.

use clap::Parser;
use std::process::ExitCode;
use swarmtrace::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
