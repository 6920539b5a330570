//! Reading and writing baselines.
//!
//! A baseline is written beside its place and moved there, so that nobody ever
//! reads half of one.

use super::measures::of_run;
use super::statistics::RUNS;
use crate::recording::read::{ReadError, object};
use crate::recording::{Baseline, BaselineRun, write_line};
use crate::sys::atomic_file::AtomicFile;
use nix::sys::utsname::UtsName;
use std::ffi::OsStr;
use std::io;
use std::path::Path;

/// Most runs that are kept: the latest.
pub const MOST_RUNS: usize = 20;

/// Reads a baseline.
///
/// # Errors
/// Errors if the file cannot be read, is not a baseline of a version that can be
/// read, has no run, or has a broken histogram.
pub fn read(path: &Path) -> Result<Baseline, ReadError> {
    let wrong = |what: &str| ReadError::Line {
        path: path.to_owned(),
        line: 1,
        what: what.to_owned(),
    };
    let baseline: Baseline = object(path)?;
    if baseline.runs.is_empty() {
        return Err(wrong("a baseline without a run"));
    }
    if baseline.runs.iter().any(|run| of_run(run).is_none()) {
        return Err(wrong("a baseline with a broken histogram"));
    }
    Ok(baseline)
}

/// Reads a baseline; `None` where there is no such file yet.
///
/// # Errors
/// As [`read`], if there is a file.
pub fn read_if_exists(path: &Path) -> Result<Option<Baseline>, ReadError> {
    match read(path) {
        Err(ReadError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// A baseline of these runs, the latest [`MOST_RUNS`] of them.
pub fn of(mut runs: Vec<BaselineRun>) -> Baseline {
    runs.drain(..runs.len().saturating_sub(MOST_RUNS));
    Baseline { runs }
}

/// Writes a baseline, whole or not at all.
///
/// # Errors
/// Errors if the file's directory cannot be written to.
pub fn write(baseline: &Baseline, path: &Path) -> Result<(), ReadError> {
    let failed = |source| ReadError::File {
        path: path.to_owned(),
        source,
    };
    let text = write_line(baseline).map_err(|e| failed(e.into()))?;
    let file = AtomicFile::create(path).map_err(failed)?;
    file.commit(text.as_bytes()).map_err(failed)
}

/// A run without its figures: on which kernel and by which command it is measured.
/// `live` is false of recordings, which may be another machine's.
pub fn describe(live: bool) -> BaselineRun {
    let system = live.then(|| nix::sys::utsname::uname().ok()).flatten();
    let word = |pick: fn(&UtsName) -> &OsStr| {
        let word = system
            .as_ref()
            .map(|s| pick(s).to_string_lossy().into_owned());
        word.unwrap_or_default()
    };
    BaselineRun {
        swarmtrace: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: word(UtsName::release),
        machine: word(UtsName::machine),
        command_line: command_line(),
        ..BaselineRun::default()
    }
}

/// The command line without the arguments of a traced command.
fn command_line() -> String {
    let words = std::env::args().skip(1).take_while(|word| word != "--");
    std::iter::once("swarmtrace".to_owned())
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}

/// What to know of a baseline before relying on it, a line each.
pub fn doubts(baseline: &Baseline) -> Vec<String> {
    let mut doubts = Vec::new();
    let runs = baseline.runs.len();
    if runs < RUNS {
        doubts.push(format!(
            "the baseline has {runs} run{}: how much runs differ by themselves is only \
             guessed from stretches of it; five or more would say",
            if runs == 1 { "" } else { "s" }
        ));
    }
    let kernel = nix::sys::utsname::uname().ok();
    let kernel = kernel.map(|s| s.release().to_string_lossy().into_owned());
    let other = baseline.runs.iter().find(|run| {
        !run.kernel.is_empty() && kernel.as_ref().is_some_and(|kernel| *kernel != run.kernel)
    });
    if let (Some(run), Some(kernel)) = (other, kernel) {
        doubts.push(format!(
            "the baseline was taken on Linux {}, this is {kernel}",
            run.kernel
        ));
    }
    doubts
}
