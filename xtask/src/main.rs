//! `cargo xtask`: swarmtrace's own chores.

use std::process::ExitCode;

use clap::Parser;
use xtask::bench::{self, BenchOptions};
use xtask::limits::{self, LimitsOptions};
use xtask::scenario::{self, ScenarioOptions, ScenariosOptions};
use xtask::test::{self, TestOptions};
use xtask::vm::Kernel;
use xtask::vm::cli::VmCommand;
use xtask::{demo, lint, setup};

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
    /// Measure what swarmtrace costs, and write target/bench.json
    Bench(BenchOptions),
    /// Figures that do not depend on the machine, beside the accepted ones
    Limits(LimitsOptions),
    /// List the failures that can be made to happen on the real Swarm, or play them all
    Scenarios(ScenariosOptions),
    /// Make a failure happen on the real Swarm, and show what swarmtrace says of it
    Scenario(ScenarioOptions),
    /// Check formatting and lints
    Lint,
    /// Run every test: units, the replica in namespaces, the Swarm in the VM
    Test(TestOptions),
    /// A real two-node Docker Swarm in QEMU, restored in seconds
    ///
    /// The Swarm has the network overlay1 and these services, whose tasks all say
    /// which task answered (SERVICE.SLOT NODE HOSTNAME):
    ///   vote      TCP 8080 by the routing mesh, 2 tasks, one on each node
    ///   echo-udp  UDP 9053 by the routing mesh, 2 tasks, one on each node
    ///   hosted    TCP 8081 of each node itself (mode=host), global
    ///   direct    port 80 on overlay1 without a virtual address (dnsrr), 2 tasks
    ///   client    sleeps on overlay1, on node-a
    /// node-a (manager) is 192.168.90.1, node-b is 192.168.90.2, and `vm` is outside
    /// of both, the external client 192.168.90.254.
    #[command(subcommand, verbatim_doc_comment)]
    Vm(VmCommand),
}

fn main() -> ExitCode {
    let done = match Xtask::parse() {
        Xtask::Setup => setup::run().map(|()| ExitCode::SUCCESS),
        Xtask::Demo { kernel } => demo::run(kernel).map(|()| ExitCode::SUCCESS),
        Xtask::Bench(options) => bench::run(&options).map(|()| ExitCode::SUCCESS),
        Xtask::Limits(options) => limits::run(options).map(|()| ExitCode::SUCCESS),
        Xtask::Scenarios(options) => scenario::every(&options),
        Xtask::Scenario(options) => scenario::play(&options),
        Xtask::Lint => lint::run().map(|()| ExitCode::SUCCESS),
        Xtask::Test(options) => test::run(options),
        Xtask::Vm(command) => command.run(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
