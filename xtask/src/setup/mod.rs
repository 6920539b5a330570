//! `cargo xtask setup`: from a Debian 12 with rustup to a machine that builds
//! swarmtrace, tests it and runs the VM. What is there already is left alone.

mod lint_tools;
mod packages;
mod toolchain;

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use swarmtrace_programs as programs;

/// Installs the packages of programs that only one chore needs.
///
/// # Errors
/// Errors if one is missing and cannot be installed.
pub fn programs(names: &[&str]) -> Result<()> {
    packages::install(&packages::of_missing_programs(names.iter().copied()))
}

pub use toolchain::name as kernel_side_toolchain;

/// Builds a subcommand of cargo's that the lints need, if it is missing.
///
/// # Errors
/// Errors if it cannot be built.
pub fn lint_tool(name: &str) -> Result<()> {
    lint_tools::install(name)
}

/// Installs what is missing.
///
/// # Errors
/// Errors if something cannot be installed; names the command that would.
pub fn run() -> Result<()> {
    let since = Instant::now();
    ensure!(
        Path::new("/etc/debian_version").exists(),
        "this is not Debian; what is needed here, under other names: {}",
        packages::all().join(" ")
    );
    let kernel_side = toolchain::find();
    let linker = toolchain::linker_version();
    let mut wanted = packages::LIBRARIES.to_vec();
    if kernel_side.as_deref().is_none_or(toolchain::is_debian) {
        wanted.extend(packages::BPF_COMPILER);
    }
    if linker.is_none() {
        wanted.extend(packages::BPF_LINKER);
    }
    let mut missing = packages::missing(&wanted)?;
    missing.extend(packages::of_missing_programs(packages::programs()));
    let idle = missing.is_empty() && kernel_side.is_some() && linker.is_some();
    packages::install(&missing)?;
    for name in packages::programs() {
        programs::find(name)?;
    }
    let kernel_side = match kernel_side {
        Some(found) => found,
        None => toolchain::link_debian()?,
    };
    let linker = match linker {
        Some(version) => version,
        None => toolchain::install_linker()?,
    };
    let spent = since.elapsed().as_secs_f64();
    let programs = packages::programs().count();
    let what = format!("{programs} programs, {kernel_side}, {linker}");
    if idle {
        println!("nothing to do: {what} are here ({spent:.1} s)");
    } else {
        println!("ready after {spent:.1} s: {what}");
    }
    Ok(())
}
