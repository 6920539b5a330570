//! `cargo xtask limits`: the figures that are the same whenever they are measured,
//! beside the accepted ones in `tests/limits.json`; or these written anew.

use anyhow::{Result, ensure};

use crate::test;

/// What to do with them.
#[derive(Debug, Default, Clone, Copy, clap::Args)]
pub struct LimitsOptions {
    /// Take what is measured now as the new limits
    #[arg(long)]
    accept: bool,
}

/// Measures and compares, or accepts.
///
/// # Errors
/// Errors if a figure grew beyond its limit.
pub fn run(options: LimitsOptions) -> Result<()> {
    let mut cargo = test::one("replica_limits")?;
    if options.accept {
        cargo.env(test::ACCEPT, "1");
    }
    let status = cargo.status()?;
    ensure!(status.success(), "the limits were not kept: {status}");
    if options.accept {
        eprintln!("tests/limits.json has what was measured: look at its difference, commit it");
    }
    Ok(())
}
