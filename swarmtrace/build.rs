//! Builds the kernel side for the BPF target; `capture` embeds the result.
//!
//! Two kinds of toolchain can do it, and this script takes the first that it
//! finds: rustup's nightly with `rust-src` (aya's ordinary way: `core` is built
//! from source), or any toolchain that brings a prebuilt `core` for the BPF
//! target, such as Debian's `rustc-web` in `/usr`. Where neither is there it
//! stops with the commands that would help. What it took is in the environment
//! of the build as `SWARMTRACE_BPF_TOOLCHAIN`, which the binary shows in its
//! long version.

#![expect(
    clippy::disallowed_methods,
    reason = "it runs the compiler; the table of programs is for tests"
)]

use anyhow::{Context as _, Result, bail};
use aya_build::{Package, Toolchain};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kernel side's binary, as its crate names it.
const OBJECT: &str = "swarmtrace";
/// Toolchains to look at besides rustup's own list: distributions' Rust.
const SYSTEM: &str = "/usr";

fn main() -> Result<()> {
    let crates = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let crates = crates.parent().context("the crate has no parent folder")?;
    println!("cargo:rerun-if-changed=build.rs");
    for input in ["swarmtrace-common/src", "Cargo.lock", "Cargo.toml"] {
        println!("cargo:rerun-if-changed={}", crates.join(input).display());
    }
    println!("cargo:rerun-if-env-changed=PATH");

    let found = find_toolchain().map_err(|missing| {
        anyhow::anyhow!(
            "cannot build the kernel side: {missing}. Run `cargo xtask setup`, or by hand \
             `rustup toolchain install nightly --component rust-src && cargo install bpf-linker`"
        )
    })?;
    println!("cargo:rustc-env=SWARMTRACE_BPF_TOOLCHAIN={}", found.line);
    let output = PathBuf::from(env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    let shared = shared_folder(&output);
    fs::create_dir_all(&shared)?;
    let lock = fs::File::create(shared.join("lock"))?;
    lock.lock()?;
    // The inner cargo's progress would come out as warnings.
    // SAFETY: this process has one thread.
    unsafe {
        env::set_var("CARGO_TERM_QUIET", "true");
        env::set_var("OUT_DIR", &shared);
    }
    let root = crates.join("swarmtrace-ebpf");
    let root = root.to_str().context("the path is not UTF-8")?;
    aya_build::build_ebpf(
        [Package {
            name: "swarmtrace-ebpf",
            root_dir: root,
            ..Default::default()
        }],
        found.toolchain(),
    )?;
    fs::copy(shared.join(OBJECT), output.join(OBJECT)).context("the build left no object")?;
    Ok(())
}

/// Where the kernel side is built: beside the profiles' folders, so that it is
/// built once for all of them. The object does not depend on the profile.
fn shared_folder(output: &Path) -> PathBuf {
    // target/PROFILE/build/swarmtrace-HASH/out
    let mut above = output.ancestors().skip(2);
    match (above.next(), above.nth(1)) {
        (Some(build), Some(target)) if build.ends_with("build") => target.join("kernel-side"),
        _ => output.to_owned(),
    }
}

/// A toolchain that can build for the BPF target.
struct Found {
    /// rustup's name for it, or its folder; `None` for nightly.
    custom: Option<String>,
    /// One line for people.
    line: String,
}

impl Found {
    fn toolchain(&self) -> Toolchain<'_> {
        match &self.custom {
            None => Toolchain::Nightly,
            Some(name) => Toolchain::Custom(name),
        }
    }
}

fn find_toolchain() -> Result<Found> {
    if !on_path("bpf-linker") {
        bail!("bpf-linker is not on the PATH");
    }
    if !on_path("rustup") {
        // aya-build then runs the cargo and rustc that come first on the PATH.
        let (sysroot, version) = ask("rustc", &[])?;
        if !has_bpf_core(&sysroot) {
            bail!("there is no rustup, and {version} has no `core` for the BPF target");
        }
        return Ok(Found {
            custom: Some(String::from("rustc")),
            line: format!("{version}, prebuilt core"),
        });
    }
    if let Ok((sysroot, version)) = ask("rustup", &["run", "nightly", "rustc"])
        && sysroot
            .join("lib/rustlib/src/rust/library/core/Cargo.toml")
            .exists()
    {
        return Ok(Found {
            custom: None,
            line: format!("nightly, {version}, core from rust-src"),
        });
    }
    let list = Command::new("rustup")
        .args(["toolchain", "list"])
        .output()?;
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let names = list
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    for name in names.chain([SYSTEM]) {
        if let Ok((sysroot, version)) = ask("rustup", &["run", name, "rustc"])
            && has_bpf_core(&sysroot)
        {
            return Ok(Found {
                custom: Some(String::from(name)),
                line: format!("{name}, {version}, prebuilt core"),
            });
        }
    }
    bail!("no toolchain has `core` for the BPF target, and nightly has no rust-src")
}

/// Where a rustc keeps its libraries, and its version line.
fn ask(program: &str, arguments: &[&str]) -> Result<(PathBuf, String)> {
    let run = |flags: &[&str]| -> Result<String> {
        let output = Command::new(program)
            .args(arguments)
            .args(flags)
            .output()
            .with_context(|| format!("cannot run {program}"))?;
        if !output.status.success() {
            bail!("{program} {} failed", arguments.join(" "));
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    Ok((run(&["--print", "sysroot"])?.into(), run(&["--version"])?))
}

fn has_bpf_core(sysroot: &Path) -> bool {
    let target = match env::var("CARGO_CFG_TARGET_ENDIAN").as_deref() {
        Ok("big") => "bpfeb-unknown-none",
        _ => "bpfel-unknown-none",
    };
    sysroot
        .join("lib/rustlib")
        .join(target)
        .join("lib")
        .is_dir()
}

fn on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
