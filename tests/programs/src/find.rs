//! From a name to a command, by way of the table.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, anyhow, bail};

use crate::search_path;
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

/// A command that runs a program of the table.
///
/// # Errors
/// As [`find`].
pub fn command(name: &str) -> Result<Command> {
    let mut command = built(&find(name)?);
    if program(name).is_some_and(|program| program.runs_others) {
        command.env("PATH", search_path::folder()?);
    }
    Ok(command)
}

/// As [`command`], for tests and beds, where a missing program is a failure.
///
/// # Panics
/// Panics where [`command`] errors, with the same text.
#[track_caller]
pub fn required(name: &str) -> Command {
    command(name).unwrap_or_else(|error| panic!("{error}"))
}

/// A command that runs what was built here, by its path.
#[expect(
    clippy::disallowed_methods,
    reason = "the place through which every other one goes"
)]
pub fn built(path: impl AsRef<Path>) -> Command {
    let path = path.as_ref();
    debug_assert!(
        path.components().count() > 1,
        "{} is a name, not a path",
        path.display()
    );
    Command::new(path)
}

/// Looks on `PATH`, then among the administrator's programs.
fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(ADMINISTRATOR.map(PathBuf::from));
    let folders = std::env::join_paths(folders).ok()?;
    which::which_in(name, Some(folders), "/").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_table_is_not_started() {
        // Everywhere there, nowhere in the table.
        assert!(installed("ls").is_some());
        let error = command("ls").expect_err("ls is not in the table");
        assert!(error.to_string().contains("not in the table"), "{error}");
    }

    #[test]
    fn a_shell_finds_only_what_is_in_the_table() {
        let run = |script: &str| {
            let mut shell = required("sh");
            shell.args(["-c", script]).output().expect("run a shell")
        };
        assert!(run("uname").status.success());
        let refused = run("ls");
        assert_eq!(refused.status.code(), Some(127), "{refused:?}");
    }
}
