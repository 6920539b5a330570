//! `cargo xtask lint`: everything that is checked without running the product.
//!
//! Formatting; clippy on every crate, the kernel side too; documentation;
//! dependencies (licences, sources, unused ones); imports between rooms and
//! circles of files. Every check runs, and the end says which failed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use import_rules::rooms;
use swarm_vm::step::Step;
use swarmtrace_programs as programs;

use crate::setup;

/// The document with the rooms and what each may import.
const ARCHITECTURE: &str = "docs/architecture.md";

/// A check.
struct Check {
    /// Selects it: `cargo xtask lint rooms`.
    name: &'static str,
    /// What it holds against what.
    about: &'static str,
    run: fn() -> Result<()>,
}

const CHECKS: [Check; 8] = [
    Check {
        name: "fmt",
        about: "cargo fmt --check",
        run: || cargo_quietly(&["fmt", "--all", "--check"], &[]),
    },
    Check {
        name: "clippy",
        about: "cargo clippy",
        run: clippy,
    },
    Check {
        name: "kernel-side",
        about: "cargo clippy, kernel side",
        run: clippy_kernel_side,
    },
    Check {
        name: "doc",
        about: "cargo doc",
        run: documentation,
    },
    Check {
        name: "deny",
        about: "cargo deny: bans, licenses, sources",
        run: deny,
    },
    Check {
        name: "machete",
        about: "cargo machete: unused dependencies",
        run: machete,
    },
    Check {
        name: "rooms",
        about: "imports between rooms, by docs/architecture.md",
        run: || rooms::check_rooms(&in_workspace(ARCHITECTURE), &in_workspace("swarmtrace/src")),
    },
    Check {
        name: "circles",
        about: "files that import each other in a circle",
        run: circles,
    },
];

/// Which checks to run.
#[derive(Debug, Default, clap::Args)]
pub struct LintOptions {
    /// Only these: fmt, clippy, kernel-side, doc, deny, machete, rooms, circles
    #[arg(value_name = "CHECK", value_parser = CHECKS.map(|check| check.name))]
    only: Vec<String>,
}

/// Installs what is missing and runs the checks.
///
/// # Errors
/// Errors if the set-up fails or a check does; each failure is printed as it occurs.
pub fn run(options: &LintOptions) -> Result<()> {
    let is_selected = |check: &&Check| {
        options.only.is_empty() || options.only.iter().any(|name| name == check.name)
    };
    if options.only.is_empty() {
        setup::run()?;
    }
    let mut failed = Vec::new();
    for check in CHECKS.iter().filter(is_selected) {
        let step = Step::start(check.about);
        match (check.run)() {
            Ok(()) => step.done(),
            Err(error) => {
                drop(step);
                eprintln!("{error:#}");
                failed.push(check.name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn in_workspace(path: &str) -> PathBuf {
    programs::workspace().join(path)
}

/// Runs cargo with its output kept for the error.
fn cargo_quietly(arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let mut command = programs::cargo(arguments)?;
    command.envs(environment.iter().copied());
    programs::run(&mut command)
}

fn clippy() -> Result<()> {
    let what = [
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--exclude",
        "swarmtrace-ebpf",
    ];
    cargo_quietly(&[&what[..], &["--", "-D", "warnings"]].concat(), &[])
}

/// Clippy on the kernel side, with the toolchain that builds it.
fn clippy_kernel_side() -> Result<()> {
    let (toolchain, core) = setup::kernel_side_toolchain()?;
    let target = ["--target", "bpfel-unknown-none"];
    let mut command = programs::command("rustup")?;
    command
        .args(["run", toolchain, "cargo", "clippy", "--quiet"])
        .args(["--package", "swarmtrace-ebpf"])
        .args(target)
        .args(core)
        .args(["--", "-D", "warnings"])
        .current_dir(programs::workspace())
        // aya-build sets the same for the product's build.
        .env(
            "RUSTFLAGS",
            format!("--cfg=bpf_target_arch=\"{}\"", std::env::consts::ARCH),
        )
        .env(
            "CARGO_TARGET_DIR",
            programs::target_folder().join("kernel-side-clippy"),
        )
        .env_remove("RUSTC");
    programs::run(&mut command)
}

fn documentation() -> Result<()> {
    let what = [
        "doc",
        "--quiet",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--exclude",
        "swarmtrace-ebpf",
    ];
    cargo_quietly(&what, &[("RUSTDOCFLAGS", "-D warnings")])
}

fn deny() -> Result<()> {
    setup::lint_tool("cargo-deny")?;
    cargo_quietly(
        &[
            "deny",
            "--log-level",
            "error",
            "check",
            "bans",
            "licenses",
            "sources",
        ],
        &[],
    )
}

fn machete() -> Result<()> {
    setup::lint_tool("cargo-machete")?;
    let mut command = programs::cargo(&["machete"])?;
    // With this variable it takes its own name for a folder. Relied on:
    // cargo-machete's main.rs, which tells a subcommand by it.
    command.env_remove("CARGO_PKG_NAME");
    let found = command.output().context("cannot run cargo machete")?;
    ensure!(
        found.status.success(),
        "{}",
        String::from_utf8_lossy(&found.stdout)
    );
    Ok(())
}

/// Every crate of the workspace.
fn circles() -> Result<()> {
    for krate in crates(programs::workspace())? {
        rooms::check_circles(&krate.join("src"))?;
    }
    Ok(())
}

/// The folders of the workspace's crates.
fn crates(workspace: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in [workspace.to_owned(), workspace.join("tests")] {
        for entry in std::fs::read_dir(folder)? {
            let folder = entry?.path();
            if folder.join("Cargo.toml").is_file() && folder.join("src").is_dir() {
                found.push(folder);
            }
        }
    }
    found.sort();
    Ok(found)
}
