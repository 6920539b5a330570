//! The compiler and linker of the kernel side: rustup's nightly with its
//! sources, or Debian's Rust with `core` compiled for BPF; and bpf-linker.

use std::path::Path;

use anyhow::{Context, Result};
use swarm_vm::step::Step;
use swarmtrace_programs as programs;

/// The name under which rustup knows Debian's Rust; `build.rs` looks for it.
const DEBIAN: &str = "debian-web";
/// Of the same LLVM as Debian's Rust.
const LINKER_VERSION: &str = "0.13.0";
const LLVM: &str = "22";

/// The compiler that is installed, as a line for people.
pub fn find() -> Option<String> {
    let nightly = sysroot("nightly").filter(|root| {
        Path::new(root)
            .join("lib/rustlib/src/rust/library/core")
            .exists()
    });
    if nightly.is_some() {
        return Some("rustup's nightly with rust-src".to_owned());
    }
    let debian = sysroot(DEBIAN).filter(|root| {
        Path::new(root)
            .join("lib/rustlib/bpfel-unknown-none")
            .exists()
    })?;
    let version =
        programs::text(programs::built(Path::new(&debian).join("bin/rustc")).arg("--version"));
    Some(format!(
        "{} as {DEBIAN}",
        version.ok()?.split(" (").next()?.trim()
    ))
}

/// The toolchain that builds the kernel side, by rustup's name, and the options
/// with which it builds `core`.
///
/// # Errors
/// Errors if none is installed.
pub fn name() -> Result<(&'static str, &'static [&'static str])> {
    let found = find().context("no toolchain builds for BPF: run `cargo xtask setup`")?;
    if is_debian(&found) {
        return Ok((DEBIAN, &[]));
    }
    Ok(("nightly", &["-Z", "build-std=core"]))
}

/// Whether what [`find`] found is Debian's.
pub fn is_debian(found: &str) -> bool {
    found.ends_with(DEBIAN)
}

fn sysroot(toolchain: &str) -> Option<String> {
    let rustc = programs::command("rustup")
        .ok()?
        .args(["run", toolchain, "rustc", "--print", "sysroot"])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&rustc.stdout).trim().to_owned())
}

/// Makes Debian's Rust a toolchain of rustup's.
///
/// # Errors
/// Errors if rustup is not installed or refuses.
pub fn link_debian() -> Result<String> {
    let step = Step::start(format!("rustup toolchain link {DEBIAN} /usr"));
    programs::run(programs::command("rustup")?.args(["toolchain", "link", DEBIAN, "/usr"]))
        .context("rustup is needed: see https://rustup.rs")?;
    step.done();
    find().context("Debian's Rust has no core for BPF: is libstd-rust-web-dev-bpf installed?")
}

/// The version of the linker that is installed.
pub fn linker_version() -> Option<String> {
    let version = programs::text(programs::command("bpf-linker").ok()?.arg("--version")).ok()?;
    Some(version.trim().to_owned())
}

/// Builds the linker.
///
/// # Errors
/// Errors if it cannot be built.
pub fn install_linker() -> Result<String> {
    let step = Step::start(format!(
        "cargo install bpf-linker {LINKER_VERSION} (a minute or two)"
    ));
    programs::run(
        programs::command("cargo")?
            .env("LLVM_PREFIX", format!("/usr/lib/llvm-{LLVM}"))
            // Cargo's own settings for this very run are not the linker's.
            .env_remove("RUSTC_BOOTSTRAP")
            .env_remove("CARGO_TARGET_DIR")
            .args([
                "install",
                "--locked",
                "bpf-linker",
                "--version",
                LINKER_VERSION,
            ])
            .args([
                "--no-default-features",
                "--features",
                &format!("llvm-{LLVM}"),
            ]),
    )?;
    step.done();
    linker_version().context("bpf-linker is installed but not found: is ~/.cargo/bin on the PATH?")
}
