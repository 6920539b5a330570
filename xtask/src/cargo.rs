//! Building swarmtrace, and where the results are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use swarmtrace_programs as programs;

use crate::step::Step;

/// The workspace's folder.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// Where cargo builds to.
pub fn target_folder() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => workspace().join(folder),
        None => workspace().join("target"),
    }
}

/// A `cargo` command in the workspace.
///
/// # Errors
/// Errors if there is no cargo.
pub fn cargo(arguments: &[&str]) -> Result<Command> {
    // The one that started this, whatever `PATH` says.
    let mut cargo = match std::env::var_os("CARGO") {
        Some(path) => programs::built(Path::new(&path)),
        None => programs::command("cargo")?,
    };
    cargo.args(arguments).current_dir(workspace());
    Ok(cargo)
}

/// Runs `cargo` with its output passed on.
///
/// # Errors
/// When it fails.
pub fn run(arguments: &[&str]) -> Result<()> {
    let mut cargo = cargo(arguments)?;
    let status = cargo.status().context("cannot run cargo")?;
    ensure!(
        status.success(),
        "cargo {} ended with {status}",
        arguments.join(" ")
    );
    Ok(())
}

/// The release binary of swarmtrace, up to date. Building it is a step that is told.
///
/// # Errors
/// When it does not build.
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
    target_folder().join("release/swarmtrace")
}
