//! Running a program for what it prints, for a bounded time.

use crate::sys::programs::command;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A listing takes milliseconds. One that takes this long hangs.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks whether the program has ended, once its output has.
const TICK: Duration = Duration::from_millis(1);

/// Runs a program in the calling thread's namespaces, and returns what it prints; what
/// is not UTF-8 of it is replaced.
///
/// # Errors
/// If it cannot be started, fails, or has not ended in time: then it is killed.
pub(super) fn run(program: &Path, arguments: &[&str]) -> io::Result<String> {
    run_for(program, arguments, PATIENCE)
}

fn run_for(program: &Path, arguments: &[&str], patience: Duration) -> io::Result<String> {
    let deadline = Instant::now() + patience;
    let mut child = command(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Its own group, so that what it starts is killed with it.
        .process_group(0)
        .spawn()?;
    let output = child.stdout.take().map(collect);
    let errors = child.stderr.take().map(collect);
    let ended = end(&mut child, output, errors, deadline);
    if ended.is_err() {
        if let Ok(group) = i32::try_from(child.id()) {
            // It may have ended meanwhile.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        child.wait()?;
    }
    ended
}

fn end(
    child: &mut Child,
    output: Option<Receiver<Vec<u8>>>,
    errors: Option<Receiver<Vec<u8>>>,
    deadline: Instant,
) -> io::Result<String> {
    let text = |from: Option<Receiver<Vec<u8>>>| {
        let left = deadline.saturating_duration_since(Instant::now());
        let bytes = (from.and_then(|from| from.recv_timeout(left).ok())).ok_or_else(late)?;
        Ok::<_, io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    let output = text(output)?;
    let errors = text(errors)?;
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if Instant::now() >= deadline => return Err(late()),
            None => thread::sleep(TICK),
        }
    };
    if status.success() {
        return Ok(output);
    }
    let first = errors.lines().next();
    let first = first.unwrap_or("it failed without diagnostics");
    Err(io::Error::other(first.to_owned()))
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it did not end in time")
}

/// Reads to the end on a thread of its own: neither of two pipes may fill up.
fn collect(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if from.read_to_end(&mut bytes).is_ok() {
            // Nobody waits any more after the deadline.
            let _ = send.send(bytes);
        }
    });
    receive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_killed() {
        let begun = Instant::now();
        let sleep = Path::new("/bin/sleep");
        let failed = run_for(sleep, &["60"], Duration::from_millis(50)).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn failing_and_absent_programs_are_errors() {
        let error = run(Path::new("/bin/cat"), &["/nowhere"]).unwrap_err();
        assert!(error.to_string().contains("/nowhere"), "{error}");
        assert!(run(Path::new("/nowhere/nft"), &[]).is_err());
    }

    #[test]
    fn bytes_that_are_not_text_are_replaced() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        io::Write::write_all(&mut file, b"a\xffb").unwrap();
        let path = file.path().to_str().unwrap();
        assert_eq!(run(Path::new("/bin/cat"), &[path]).unwrap(), "a\u{fffd}b");
    }
}
