//! `cargo xtask`: what is done with swarmtrace's sources.
//!
//! * `setup` installs what a Debian machine is missing to build and test;
//! * `lint`, `test`, `bench`, `limits` and `docs` check, test, measure and document;
//! * `vm`, `scenario`, `scenarios` and `demo` run a real Swarm in QEMU.
//!
//! Set-up, lints, tests and pages are done here. The rest is done by crates under
//! tests/, whose command line this is: `swarm-vm` and `scenarios` for the Swarm,
//! `bench-runs` for `bench`, `import-rules` for two of the lints.

mod docs;
mod limits;
mod lint;
mod release;
mod setup;
mod test;
mod vm;

use std::process::ExitCode;

use bench_runs::bench::{self, BenchOptions};
use clap::Parser;
use scenarios::cli::{self as scenario, ScenarioOptions, ScenariosOptions};
use scenarios::demo;
use swarm_vm::Kernel;

use crate::limits::LimitsOptions;
use crate::lint::LintOptions;
use crate::test::TestOptions;

/// swarmtrace's own chores
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Xtask {
    /// Install what this Debian machine is missing to build, test and run the VM
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
    /// Make a failure happen on the real Swarm, and show what swarmtrace reports
    Scenario(ScenarioOptions),
    /// Check formatting, lints, docs, dependencies, and imports between rooms
    Lint(LintOptions),
    /// Write the generated pages of docs/ anew
    Docs,
    /// Run every test: units, the replica in namespaces, the Swarm in the VM
    Test(TestOptions),
    /// A real two-node Docker Swarm in QEMU, restored in seconds
    ///
    /// The Swarm has the network overlay1 and these services, whose tasks all answer
    /// with their own name (SERVICE.SLOT NODE HOSTNAME):
    ///   vote      TCP 8080 by the routing mesh, 2 tasks, one on each node
    ///   echo-udp  UDP 9053 by the routing mesh, 2 tasks, one on each node
    ///   hosted    TCP 8081 of each node itself (mode=host), global
    ///   direct    port 80 on overlay1 without a virtual address (dnsrr), 2 tasks
    ///   client    sleeps on overlay1, on node-a
    /// node-a (manager) is 192.168.90.1, node-b is 192.168.90.2, and `vm` is outside
    /// of both, the external client 192.168.90.254.
    #[command(subcommand, verbatim_doc_comment)]
    Vm(vm::Command),
}

fn main() -> ExitCode {
    let done = match Xtask::parse() {
        Xtask::Setup => setup::run().map(|()| ExitCode::SUCCESS),
        Xtask::Demo { kernel } => {
            demo::run(kernel, setup::run, release::build).map(|()| ExitCode::SUCCESS)
        }
        Xtask::Bench(options) => setup::run()
            .and_then(|()| bench::run(&options, release::build))
            .map(|()| ExitCode::SUCCESS),
        Xtask::Limits(options) => limits::run(options).map(|()| ExitCode::SUCCESS),
        Xtask::Scenarios(options) => scenario::every(&options, release::prepare),
        Xtask::Scenario(options) => scenario::one(&options, release::prepare),
        Xtask::Lint(options) => lint::run(&options).map(|()| ExitCode::SUCCESS),
        Xtask::Docs => docs::run().map(|()| ExitCode::SUCCESS),
        Xtask::Test(options) => test::run(options),
        Xtask::Vm(command) => command.run(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
