//! `cargo xtask setup`: from a Debian 12 with rustup to a machine that builds
//! swarmtrace, tests it and runs the VM. What is there already is left alone.

mod packages;
mod toolchain;

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};

/// Installs Debian packages that only some chore needs.
///
/// # Errors
/// When they lack and cannot be installed.
pub fn packages(wanted: &[&str]) -> Result<()> {
    packages::install(&packages::missing(wanted)?)
}

/// Installs what lacks.
///
/// # Errors
/// When something cannot be installed; says which command would.
pub fn run() -> Result<()> {
    let since = Instant::now();
    ensure!(
        Path::new("/etc/debian_version").exists(),
        "this is no Debian; what is needed here, under other names: {}",
        packages::all().join(" ")
    );
    let kernel_side = toolchain::find();
    let linker = toolchain::linker_version();
    let mut wanted = packages::ALWAYS.to_vec();
    if kernel_side.is_none() {
        wanted.extend(packages::BPF_COMPILER);
    }
    if linker.is_none() {
        wanted.extend(packages::BPF_LINKER);
    }
    let missing = packages::missing(&wanted)?;
    let idle = missing.is_empty() && kernel_side.is_some() && linker.is_some();
    packages::install(&missing)?;
    let kernel_side = match kernel_side {
        Some(found) => found,
        None => toolchain::link_debian()?,
    };
    let linker = match linker {
        Some(version) => version,
        None => toolchain::install_linker()?,
    };
    let spent = since.elapsed().as_secs_f64();
    let what = format!("{} packages, {kernel_side}, {linker}", wanted.len());
    if idle {
        println!("nothing to do: {what} are here ({spent:.1} s)");
    } else {
        println!("ready after {spent:.1} s: {what}");
    }
    Ok(())
}
