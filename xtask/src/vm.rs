//! `cargo xtask vm`: the commands of the VM, and those that need swarmtrace.

use std::process::ExitCode;

use anyhow::Result;
use bench_runs::program::COUNT_CORRELATOR;
use scenarios::matrix::command::{self, MatrixOptions, RowOptions};
use swarm_vm::bench::{self, BenchOptions, Measured};
use swarm_vm::cli::VmCommand;
use swarm_vm::interrupt;
use swarmtrace_programs as programs;

use crate::release;
use crate::setup;

/// What can be done with the VM.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    #[command(flatten)]
    Vm(VmCommand),
    /// Try swarmtrace on each kernel with each Docker, and print a table
    ///
    /// For each: does every program load, and how much does the kernel's verifier
    /// look at; is a request through the routing mesh traced as tcpdump and the
    /// kernel's tables have it; does nothing stay after Ctrl-C, nor after a kill and
    /// `swarmtrace cleanup`; and are some failures of the catalogue recognised. Each has a
    /// VM of its own, one after the other, 5 to 15 minutes each where it is emulated.
    ///
    /// Exit code 0: all passed; 1: something did not. target/matrix.json has it all.
    Test(MatrixOptions),
    /// Measure what watching costs the Swarm under load, and write target/vm-bench.json
    ///
    /// wrk over standing connections, wrk over a connection for each request, and UDP
    /// questions, while nothing, `follow`, `follow --all-packets`, `rst` or tcpdump on
    /// the same devices watches both nodes, in turn. Then what a connection costs in
    /// runs of our programs, events and bytes, by the kernel's own count. About eight
    /// minutes with the default rounds.
    ///
    /// Exit code 0: measured, and no worse than --baseline; 1: worse, or it could not
    /// be measured; 2: the baseline does not fit this run.
    Bench(BenchOptions),
    /// One row of `test`, as JSON: it is started for each, in a process of its own
    #[command(hide = true)]
    TestRow(RowOptions),
}

impl Command {
    /// Does it.
    pub fn run(self) -> Result<ExitCode> {
        match self {
            Self::Vm(command) => command.run(),
            Self::Test(options) => command::run(&options, release::prepare),
            Self::TestRow(options) => command::row(&options),
            Self::Bench(options) => measure(&options),
        }
    }
}

fn measure(options: &BenchOptions) -> Result<ExitCode> {
    interrupt::record()?;
    setup::run()?;
    setup::programs(&["valgrind"])?;
    let measured = Measured {
        swarmtrace: release::build()?,
        count_correlator: COUNT_CORRELATOR.build()?,
        results: programs::target_folder().join("vm-bench.json"),
    };
    bench::run(options, &measured)
}
