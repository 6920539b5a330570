//! `cargo xtask`: swarmtrace's own chores.

use std::process::ExitCode;

use clap::Parser;
use xtask::test::{self, TestOptions};
use xtask::vm::Kernel;
use xtask::vm::cli::VmCommand;
use xtask::{demo, setup};

/// swarmtrace's own chores
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Xtask {
    /// Install what this Debian machine lacks to build, test and run the VM
    Setup,
    /// Trace a real request through a real two-node Swarm, from nothing
    Demo {
        /// Which of Debian's cloud kernels the nodes run
        #[arg(long, value_enum, default_value_t)]
        kernel: Kernel,
    },
    /// Run every test: units, the replica in namespaces, the Swarm in the VM
    Test(TestOptions),
    /// A real two-node Docker Swarm in QEMU, restored in seconds
    #[command(subcommand)]
    Vm(VmCommand),
}

fn main() -> ExitCode {
    let done = match Xtask::parse() {
        Xtask::Setup => setup::run().map(|()| ExitCode::SUCCESS),
        Xtask::Demo { kernel } => demo::run(kernel).map(|()| ExitCode::SUCCESS),
        Xtask::Test(options) => test::run(options).map(|()| ExitCode::SUCCESS),
        Xtask::Vm(command) => command.run(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
