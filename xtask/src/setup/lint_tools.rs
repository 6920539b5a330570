//! Cargo's subcommands that `cargo xtask lint` runs, built from crates.io.

use anyhow::{Context, Result};
use swarm_vm::step::Step;
use swarmtrace_programs as programs;

/// A subcommand, its version, and how long it takes to build on two cores.
struct Tool {
    name: &'static str,
    version: &'static str,
    takes: &'static str,
}

/// Fixed versions: a new one may know new lints.
const TOOLS: [Tool; 2] = [
    Tool {
        name: "cargo-deny",
        version: "0.20.2",
        takes: "a minute or two",
    },
    Tool {
        name: "cargo-machete",
        version: "0.9.2",
        takes: "half a minute",
    },
];

/// Builds one, if it is missing or has another version.
///
/// # Errors
/// Errors if it cannot be built.
pub fn install(name: &str) -> Result<()> {
    for tool in TOOLS
        .iter()
        .filter(|tool| tool.name == name && !is_installed(tool))
    {
        let Tool {
            name,
            version,
            takes,
        } = tool;
        let step = Step::start(format!("cargo install {name} {version} ({takes})"));
        programs::run(
            programs::command("cargo")?
                // Cargo's own settings for this very run are not the tool's.
                .env_remove("RUSTC_BOOTSTRAP")
                .env_remove("CARGO_TARGET_DIR")
                // They run for a second: what counts is how fast they build.
                .env("CARGO_PROFILE_DEV_DEBUG", "false")
                .args(["install", "--debug", "--locked"])
                .args(["--version", version, name]),
        )
        .with_context(|| format!("cannot install {name}"))?;
        step.done();
    }
    Ok(())
}

fn is_installed(tool: &Tool) -> bool {
    let subcommand = tool.name.trim_start_matches("cargo-");
    // cargo-machete prints its bare version, cargo-deny its name before it.
    programs::cargo(&[subcommand, "--version"])
        .and_then(|mut command| programs::text(&mut command))
        .is_ok_and(|printed| printed.trim().ends_with(tool.version))
}
