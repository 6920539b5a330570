//! `cargo xtask lint`: what can be judged without running anything.

use anyhow::Result;

use crate::cargo;
use swarm_vm::step::Step;

/// Checks formatting and lints.
///
/// # Errors
/// Errors if one of them finds something.
pub fn run() -> Result<()> {
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
