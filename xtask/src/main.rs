//! `cargo xtask`: swarmtrace's own chores.

use std::process::ExitCode;

use clap::Parser;
use xtask::setup;
use xtask::vm::cli::VmCommand;

/// swarmtrace's own chores
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Xtask {
    /// Install what this Debian machine lacks to build, test and run the VM
    Setup,
    /// A real two-node Docker Swarm in QEMU, restored in seconds
    #[command(subcommand)]
    Vm(VmCommand),
}

fn main() -> ExitCode {
    let done = match Xtask::parse() {
        Xtask::Setup => setup::run().map(|()| ExitCode::SUCCESS),
        Xtask::Vm(command) => command.run(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
