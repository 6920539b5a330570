//! `cargo xtask test`: every test, in the order of how fast it fails.
//!
//! Lints; unit, property and kernel tests of each crate; the replica of the Swarm's
//! data path in network namespaces; the real Swarm in the VM, on each kernel. What
//! needs root is run by `sudo` if the user is not root. All suites run, whatever
//! fails; the table at the end has the result of each.

mod outcome;
mod suite;
mod table;

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result};
use swarm_vm::Vm;

use crate::{cargo, lint, setup};
use outcome::Outcome;
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
const SWARMS: [&str; 2] = ["tests", "scenarios"];

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
    let mut rows = vec![
        row("lint", || {
            Outcome::of(lint::run(&lint::LintOptions::default()))
        }),
        row("release build", || {
            Outcome::of(cargo::release_binary().map(drop))
        }),
    ];
    let built = rows.iter().all(|row| row.name == "lint" || row.passed());
    for suite in &SUITES {
        rows.push(if suite.vm && options.no_vm {
            Row::without(suite.name, Outcome::LeftOut)
        } else if !built {
            Row::without(suite.name, Outcome::NotRun)
        } else {
            row(suite.name, || {
                play(suite).unwrap_or_else(|error| Outcome::of(Err(error)))
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

fn play(suite: &Suite) -> Result<Outcome> {
    let binary = cargo::release_path();
    let mut command = command(suite.arguments, binary.to_str().context("a UTF-8 path")?)?;
    Outcome::of_tests(&mut command)
}

/// One of the replica's tests by itself, ready to be run.
///
/// # Errors
/// Errors if swarmtrace does not build.
pub fn one(test: &str) -> Result<Command> {
    let binary = cargo::release_binary()?;
    let binary = binary.to_str().context("the path is not UTF-8")?;
    command(&["--package", "swarmtrace-tests", "--test", test], binary)
}

/// A `cargo test` of tests that need root.
fn command(arguments: &[&str], binary: &str) -> Result<Command> {
    let mut cargo = cargo::cargo(&["test", "--no-fail-fast"])?;
    cargo.args(arguments).env(BINARY, binary).env(ALL, "1");
    // One test at a time: they share the kernel's namespaces and two cores.
    cargo.args(["--", "--test-threads=1"]);
    if !nix::unistd::geteuid().is_root() {
        let machine = std::env::consts::ARCH.to_uppercase();
        let runner = format!("CARGO_TARGET_{machine}_UNKNOWN_LINUX_GNU_RUNNER");
        let keep = format!("sudo --preserve-env={BINARY},{ACCEPT},{ALL}");
        cargo.env(runner, keep);
    }
    Ok(cargo)
}
