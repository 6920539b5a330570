//! From a name to a command, by way of the table.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::find::find;
use crate::folders::workspace;
use crate::search_path;
use crate::table::program;

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

/// A `cargo` command in the workspace.
///
/// # Errors
/// Errors if there is no cargo.
pub fn cargo(arguments: &[&str]) -> Result<Command> {
    // The cargo that started this, whichever is first on `PATH`.
    let mut cargo = match std::env::var_os("CARGO") {
        Some(path) => built(Path::new(&path)),
        None => command("cargo")?,
    };
    cargo.args(arguments).current_dir(workspace());
    Ok(cargo)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_table_is_not_started() {
        // Installed everywhere, and not in the table.
        assert!(Path::new("/bin/ls").exists());
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
