//! `cargo xtask test`: every test, in the order of how fast it fails.
//!
//! Lints; unit, property and kernel tests of each crate; the replica of the Swarm's
//! data path in network namespaces; the real Swarm in the VM, on each kernel. What
//! needs root is run by `sudo` if the user is not root. All suites run, whatever
//! fails; the table at the end has the result of each.

mod binaries;
mod outcome;
mod suite;
mod table;

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result};
use swarm_vm::Vm;
use swarmtrace_programs as programs;

use crate::{lint, release, setup};
use binaries::TestBinary;
use outcome::{Outcome, Tally};
use suite::{SUITES, Suite};
use table::Row;

/// Variable by which the tests find the binary under test.
const BINARY: &str = "SWARMTRACE_BIN";
/// Variable by which the tests accept figures, see [`crate::limits`].
pub const ACCEPT: &str = "SWARMTRACE_ACCEPT_LIMITS";
/// Variable that makes a failure of whatever a test would skip on a machine that
/// has no root, BTF or QEMU.
const ALL: &str = "SWARMTRACE_TESTS_ALL";
/// The names of the tests' Swarms, which outlive each test binary.
const SWARMS: [&str; 3] = ["tests", "scenarios", "selftest"];

/// What to leave out.
#[derive(Debug, Default, Clone, Copy, clap::Args)]
pub struct TestOptions {
    /// Leave the tests in the VM out
    #[arg(long)]
    pub no_vm: bool,
}

/// Runs every suite and prints how each ended. Exit code 0: all passed; 1: not all.
///
/// # Errors
/// Errors if this machine cannot be set up.
pub fn run(options: TestOptions) -> Result<ExitCode> {
    let since = Instant::now();
    eprintln!("Installing what is missing");
    setup::run()?;
    let mut rows = vec![row("lint", || {
        Outcome::of(lint::run(&lint::LintOptions::default()))
    })];
    let mut tests = Vec::new();
    let builds = [
        row("release build", || Outcome::of(release::build().map(drop))),
        row("build of the tests", || {
            Outcome::of(binaries::build().map(|built| tests = built))
        }),
    ];
    let built = builds.iter().all(Row::passed);
    rows.extend(builds);
    rows.push(row("examples in the documentation", || {
        examples().unwrap_or_else(|error| Outcome::of(Err(error)))
    }));
    for suite in &SUITES {
        rows.push(if suite.vm && options.no_vm {
            Row::without(suite.name, Outcome::LeftOut)
        } else if !built {
            Row::without(suite.name, Outcome::NotRun)
        } else {
            row(suite.name, || {
                play(suite, &tests).unwrap_or_else(|error| Outcome::of(Err(error)))
            })
        });
    }
    for name in SWARMS {
        Vm::end(name)?;
    }
    eprint!("\n{}", table::render(&rows));
    let failed = rows.iter().filter(|row| row.failed()).count();
    let spent = since.elapsed().as_secs_f64();
    if failed == 0 {
        eprintln!("all passed, {spent:.0} s");
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("{failed} of {} suites failed, {spent:.0} s", rows.len());
    Ok(ExitCode::FAILURE)
}

fn row(name: &'static str, run: impl FnOnce() -> Outcome) -> Row {
    eprintln!("\n== {name}");
    let since = Instant::now();
    let outcome = run();
    if let Some(reason) = outcome.reason() {
        eprintln!("{reason}");
    }
    Row {
        name,
        outcome,
        seconds: since.elapsed().as_secs_f64(),
    }
}

fn play(suite: &Suite, tests: &[TestBinary]) -> Result<Outcome> {
    let mut tally = Tally::default();
    for test in tests.iter().filter(|test| suite.runs(test)) {
        tally.run(&mut command(test)?)?;
    }
    Ok(Outcome::Tests(tally))
}

/// Compiles the examples of documentation comments, and runs those that can run.
fn examples() -> Result<Outcome> {
    let mut cargo = programs::cargo(&["test", "--quiet", "--doc"])?;
    cargo.args(["--workspace", "--exclude", "swarmtrace-ebpf"]);
    let mut tally = Tally::default();
    tally.run(&mut cargo)?;
    Ok(Outcome::Tests(tally))
}

/// A test binary, ready to be run by root.
fn command(test: &TestBinary) -> Result<Command> {
    let mut command = if nix::unistd::geteuid().is_root() {
        programs::built(&test.path)
    } else {
        let mut sudo = programs::command("sudo")?;
        sudo.arg(format!("--preserve-env={BINARY},{ACCEPT},{ALL}"));
        sudo.arg(&test.path);
        sudo
    };
    if test.is_integration {
        // One at a time: they share the kernel's namespaces and two cores.
        command.arg("--test-threads=1");
    }
    command
        .current_dir(&test.folder)
        .env(BINARY, release::path())
        .env(ALL, "1");
    Ok(command)
}

/// One file of tests by itself, ready to be run.
///
/// # Errors
/// Errors if swarmtrace or the test does not build.
pub fn one(name: &str) -> Result<Command> {
    release::build()?;
    let tests = binaries::build()?;
    let test = tests.iter().find(|test| test.name == name);
    command(test.with_context(|| format!("there is no test {name}"))?)
}
