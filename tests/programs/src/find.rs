//! Where a program of the table is installed.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};

use crate::table::program;

/// The administrator's programs, which an ordinary user's `PATH` leaves out.
const ADMINISTRATOR: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Where a program of the table is installed.
///
/// # Errors
/// Errors if the table does not have the program, and if it is not installed; then
/// names its package.
pub fn find(name: &str) -> Result<PathBuf> {
    let Some(program) = program(name) else {
        bail!(
            "the program {name} is not in the table of external programs: add it with its \
             package to tests/programs/src/table.rs"
        );
    };
    installed(name).ok_or_else(|| {
        let remedy = program.source.remedy();
        anyhow!("the program {name} is not installed; {remedy}")
    })
}

/// Looks on `PATH`, then among the administrator's programs.
fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(ADMINISTRATOR.map(PathBuf::from));
    let folders = std::env::join_paths(folders).ok()?;
    which::which_in(name, Some(folders), "/").ok()
}
