//! Building swarmtrace, and where the results are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use swarm_vm::step::Step;
use swarmtrace_programs as programs;

/// A `cargo` command in the workspace.
///
/// # Errors
/// Errors if there is no cargo.
pub fn cargo(arguments: &[&str]) -> Result<Command> {
    // The cargo that started this, whichever is first on `PATH`.
    let mut cargo = match std::env::var_os("CARGO") {
        Some(path) => programs::built(Path::new(&path)),
        None => programs::command("cargo")?,
    };
    cargo.args(arguments).current_dir(programs::workspace());
    Ok(cargo)
}

/// Builds the release binary of swarmtrace, as a step with its line. Returns its path.
///
/// # Errors
/// Errors if it does not build.
pub fn release_binary() -> Result<PathBuf> {
    let step = Step::start("cargo build --release");
    programs::run(&mut cargo(&[
        "build",
        "--release",
        "--package",
        "swarmtrace",
    ])?)?;
    step.done();
    Ok(release_path())
}

/// Where the release binary is once it is built.
pub fn release_path() -> PathBuf {
    programs::target_folder().join("release/swarmtrace")
}
