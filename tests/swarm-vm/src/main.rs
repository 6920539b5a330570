//! The VM by itself: `cargo run -p swarm-vm -- up`. `cargo xtask vm` has the same
//! commands, and those that need swarmtrace.

use std::process::ExitCode;

use clap::Parser;
use swarm_vm::cli::VmCommand;

/// A real two-node Docker Swarm in QEMU, restored in seconds
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    command: VmCommand,
}

fn main() -> ExitCode {
    Options::parse().command.run().unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
