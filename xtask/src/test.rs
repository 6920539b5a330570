//! `cargo xtask test`: every test, in the order of how fast it fails.
//!
//! Formatting and lints; unit, property and kernel tests of each crate; the
//! replica of the Swarm's data path in network namespaces; the real Swarm in the
//! VM, on each kernel. What needs root is run by `sudo` where this is not root.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::cargo;
use crate::setup;
use crate::step::Step;
use crate::vm::Vm;

/// Variable by which the tests find the binary under test.
const BINARY: &str = "SWARMTRACE_BIN";
/// Variable by which they are told to accept figures, see [`crate::limits`].
pub const ACCEPT: &str = "SWARMTRACE_ACCEPT_LIMITS";

/// What to leave out.
#[derive(Debug, Default, Clone, Copy, clap::Args)]
pub struct TestOptions {
    /// Leave the tests in the VM out
    #[arg(long)]
    pub no_vm: bool,
}

/// Runs them.
///
/// # Errors
/// At the first group that fails.
pub fn run(options: TestOptions) -> Result<()> {
    let since = Instant::now();
    eprintln!("What this machine lacks");
    setup::run()?;
    eprintln!("Formatting and lints");
    lints()?;
    eprintln!("swarmtrace itself");
    let binary = cargo::release_binary()?;
    let binary = binary.to_str().context("the path is not UTF-8")?;
    group(
        "Unit, property and kernel tests",
        &[
            "--workspace",
            "--exclude",
            "swarmtrace-ebpf",
            "--exclude",
            "swarmtrace-tests",
        ],
        binary,
    )?;
    group(
        "The replica in network namespaces",
        &[
            "--package",
            "swarmtrace-tests",
            "--lib",
            "--test",
            "replica_*",
        ],
        binary,
    )?;
    if options.no_vm {
        eprintln!("Left out: the real Swarm in the VM");
    } else {
        for test in ["vm_6_1", "vm_6_12", "vm_5_10", "vm_scenarios"] {
            let title = format!("The real Swarm in the VM: {test}");
            group(
                &title,
                &["--package", "swarmtrace-tests", "--test", test],
                binary,
            )?;
        }
        for name in ["tests", "scenarios"] {
            Vm::end(name)?;
        }
    }
    eprintln!("All passed, {:.0} s", since.elapsed().as_secs_f64());
    Ok(())
}

fn lints() -> Result<()> {
    let step = Step::start("cargo fmt --check");
    cargo::run(&["fmt", "--all", "--check"])?;
    step.done();
    let step = Step::start("cargo clippy");
    let quiet = ["clippy", "--quiet", "--workspace", "--all-targets"];
    let rest = ["--exclude", "swarmtrace-ebpf", "--", "-D", "warnings"];
    cargo::run(&[&quiet[..], &rest[..]].concat())?;
    step.done();
    Ok(())
}

/// One of the replica's tests by itself, ready to be run.
///
/// # Errors
/// When swarmtrace does not build.
pub fn one(test: &str) -> Result<Command> {
    let binary = cargo::release_binary()?;
    let binary = binary.to_str().context("the path is not UTF-8")?;
    let arguments = ["--package", "swarmtrace-tests", "--test", test];
    Ok(command(&arguments, binary))
}

/// One `cargo test`, its closing lines passed on.
fn group(title: &str, arguments: &[&str], binary: &str) -> Result<()> {
    eprintln!("{title}");
    let since = Instant::now();
    let status = command(arguments, binary).status();
    let status = status.context("cannot run cargo test")?;
    ensure!(status.success(), "{title}: {status}");
    eprintln!("  {title}: passed, {:.0} s", since.elapsed().as_secs_f64());
    Ok(())
}

/// A `cargo test` of tests that need root.
fn command(arguments: &[&str], binary: &str) -> Command {
    let mut cargo = cargo::cargo(&["test", "--no-fail-fast"]);
    cargo.args(arguments).env(BINARY, binary);
    // One test at a time: they share the kernel's namespaces and two cores.
    cargo.args(["--", "--test-threads=1"]);
    if !nix::unistd::geteuid().is_root() {
        let machine = std::env::consts::ARCH.to_uppercase();
        let runner = format!("CARGO_TARGET_{machine}_UNKNOWN_LINUX_GNU_RUNNER");
        cargo.env(runner, format!("sudo --preserve-env={BINARY},{ACCEPT}"));
    }
    cargo
}
