//! Counts skipped tests, and prints the count when the test binary ends.
//!
//! The test harness has no hook at its end, so the count is printed by an exit
//! handler of the C library. All binaries of one `cargo test` have the same parent
//! process: a file named for it, beside the binaries, carries the sum from one to
//! the next. Where that file cannot be written, only the binary's own count is
//! printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};

/// Skipped tests of this process by what they need, each as the place where it was
/// skipped and its thread's name. (A property test is skipped once for each case.)
static SKIPPED: Mutex<BTreeMap<String, BTreeSet<String>>> = Mutex::new(BTreeMap::new());
static AT_EXIT: Once = Once::new();
const PREFIX: &str = "skipped-";

/// Counts one skipped test, that of this thread, skipped at `place`.
pub fn skipped(need: &str, place: &Location<'_>) {
    AT_EXIT.call_once(|| {
        // SAFETY: the handler is a plain function that does not unwind.
        unsafe { libc::atexit(print) };
    });
    let mut skipped = SKIPPED.lock().unwrap_or_else(PoisonError::into_inner);
    let thread = std::thread::current();
    let test = format!("{place} {}", thread.name().unwrap_or_default());
    skipped.entry(need.to_owned()).or_default().insert(test);
}

extern "C" fn print() {
    let skipped = SKIPPED.lock().unwrap_or_else(PoisonError::into_inner);
    let skipped: BTreeMap<String, usize> = (skipped.iter())
        .map(|(need, tests)| (need.clone(), tests.len()))
        .collect();
    let here = skipped.values().sum();
    let line = line(&skipped, add_to_run(here));
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// `14 tests skipped: 12 need root, 2 need xmllint (26 skipped so far in this run)`
fn line(skipped: &BTreeMap<String, usize>, run: Option<usize>) -> String {
    let here: usize = skipped.values().sum();
    let reasons: Vec<String> = (skipped.iter())
        .map(|(need, count)| {
            let verb = if *count == 1 { "needs" } else { "need" };
            format!("{count} {verb} {need}")
        })
        .collect();
    let tests = if here == 1 { "test" } else { "tests" };
    let run = run.map_or_else(String::new, |sum| {
        format!(" ({sum} skipped so far in this run)")
    });
    format!("{here} {tests} skipped: {}{run}", reasons.join(", "))
}

/// Adds to the sum of this run of cargo, and returns the new sum.
fn add_to_run(count: usize) -> Option<usize> {
    let folder = std::env::current_exe().ok()?.parent()?.to_owned();
    let parent = nix::unistd::getppid().as_raw();
    remove_old(&folder);
    let file = run_file(&folder, parent)?;
    let before = fs::read_to_string(&file).ok();
    let before: usize = before.and_then(|sum| sum.parse().ok()).unwrap_or(0);
    let sum = before + count;
    fs::write(&file, sum.to_string()).ok()?;
    Some(sum)
}

/// The file for a parent process: its id, and its start time because ids recur
/// (`proc_pid_stat(5)`, field 22; fields are counted from behind the name).
fn run_file(folder: &Path, parent: i32) -> Option<PathBuf> {
    let stat = fs::read_to_string(format!("/proc/{parent}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    let started = behind_name.split_whitespace().nth(19)?;
    Some(folder.join(format!("{PREFIX}{parent}-{started}")))
}

/// Removes the files of runs that have ended.
fn remove_old(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let parent = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let parent = parent.and_then(|rest| rest.split('-').next());
        if parent.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_each_reason_and_the_sum() {
        let skipped = BTreeMap::from([("root".to_owned(), 12), ("xmllint".to_owned(), 1)]);
        assert_eq!(
            line(&skipped, Some(26)),
            "13 tests skipped: 12 need root, 1 needs xmllint (26 skipped so far in this run)"
        );
        assert_eq!(
            line(&skipped, None),
            "13 tests skipped: 12 need root, 1 needs xmllint"
        );
    }

    #[test]
    fn a_run_is_named_by_its_parent() {
        let folder = Path::new("/target");
        let own = i32::try_from(std::process::id()).expect("process ids fit");
        let file = run_file(folder, own).expect("this process exists");
        let name = file.file_name().and_then(|name| name.to_str());
        assert!(name.is_some_and(|name| name.starts_with(&format!("skipped-{own}-"))));
    }
}
