//! The release binary of swarmtrace, which tests, scenarios and benches run.

use std::path::PathBuf;

use anyhow::Result;
use swarm_vm::step::Step;
use swarmtrace_programs as programs;

use crate::setup;

/// Installs what is missing and builds it, as a step with its line. Returns its path.
///
/// # Errors
/// Errors if the set-up fails or it does not build.
pub fn prepare() -> Result<PathBuf> {
    setup::run()?;
    build()
}

/// Builds it, as a step with its line. Returns its path.
///
/// # Errors
/// Errors if it does not build.
pub fn build() -> Result<PathBuf> {
    let step = Step::start("cargo build --release");
    let arguments = ["build", "--release", "--package", "swarmtrace"];
    programs::run(&mut programs::cargo(&arguments)?)?;
    step.done();
    Ok(path())
}

/// Where it is once it is built.
pub fn path() -> PathBuf {
    programs::target_folder().join("release/swarmtrace")
}
