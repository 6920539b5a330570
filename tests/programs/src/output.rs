//! Running a command to its end, with its complaint in the error when it fails.

use std::ffi::OsStr;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Lines of standard error that an error carries: the last ones have the reason.
const LINES: usize = 8;

/// Runs the command to its end and returns its standard output.
///
/// # Errors
/// Errors if the command cannot be started or fails; carries the end of its
/// standard error.
pub fn output(command: &mut Command) -> Result<Vec<u8>> {
    let done = command
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().to_string_lossy()))?;
    if !done.status.success() {
        let stderr = String::from_utf8_lossy(&done.stderr);
        let lines: Vec<&str> = stderr.lines().collect();
        let end = lines[lines.len().saturating_sub(LINES)..].join("\n");
        bail!("{} ended with {}\n{end}", line(command), done.status);
    }
    Ok(done.stdout)
}

/// As [`output`], as text.
///
/// # Errors
/// As [`output`].
pub fn text(command: &mut Command) -> Result<String> {
    Ok(String::from_utf8_lossy(&output(command)?).into_owned())
}

/// As [`output`], for what the command does and not for what it prints.
///
/// # Errors
/// As [`output`].
pub fn run(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
