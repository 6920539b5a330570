//! A program of the bed while it runs. Its output is collected as it comes, every
//! wait has a limit, and it is killed at the latest when the test ends.

use nix::sys::signal::{Signal, kill};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A started program.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    stdout: Collected,
    stderr: Collected,
}

/// What a program left when it ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

#[derive(Debug)]
struct Collected {
    text: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Running {
    /// Starts `command`, with nothing to read and its output collected.
    #[track_caller]
    pub fn start(mut command: Command) -> Self {
        let name = format!("{command:?}").replace('"', "");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let stdout = Collected::from(child.stdout.take().expect("stdout is piped"));
        let stderr = Collected::from(child.stderr.take().expect("stderr is piped"));
        Self {
            name,
            child,
            stdout,
            stderr,
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processor time that it has taken so far, all its threads together.
    #[track_caller]
    pub fn processor_time(&self) -> Duration {
        let pid = Pid::from_raw(i32::try_from(self.pid()).expect("pids fit"));
        let now = clock_getcpuclockid(pid).and_then(clock_gettime);
        now.unwrap_or_else(|e| panic!("{}: {e}", self.name)).into()
    }

    /// Its standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    /// Its standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// Waits until `enough` accepts its standard output and standard error so far.
    #[track_caller]
    pub fn wait_for(
        &mut self,
        limit: Duration,
        what: &str,
        mut enough: impl FnMut(&str, &str) -> bool,
    ) {
        let deadline = Instant::now() + limit;
        loop {
            let ended = self.child.try_wait().expect("wait for a child");
            let (out, err) = (self.stdout(), self.stderr());
            if enough(&out, &err) {
                return;
            }
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "{}: {what}: {}\n--- stdout\n{}\n--- stderr\n{}",
                self.name,
                match ended {
                    Some(status) => format!("it ended before, with {status}"),
                    None => format!("waited {limit:?}"),
                },
                brief(&out),
                brief(&err)
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).expect("pids fit"));
        kill(pid, signal).unwrap_or_else(|e| panic!("{}: {signal}: {e}", self.name));
    }

    /// Sends SIGINT and waits for its end.
    #[track_caller]
    pub fn interrupt(self, limit: Duration) -> Ended {
        self.signal(Signal::SIGINT);
        self.wait(limit)
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(mut self, limit: Duration) -> Ended {
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("wait for a child") {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "{} did not end within {limit:?}\n--- stdout\n{}\n--- stderr\n{}",
                self.name,
                brief(&self.stdout()),
                brief(&self.stderr())
            );
            std::thread::sleep(Duration::from_millis(5));
        };
        Ended {
            status,
            stdout: self.stdout.all(),
            stderr: self.stderr.all(),
        }
    }
}

/// The first and the last lines of a long output.
fn brief(text: &str) -> String {
    const LINES: usize = 12;
    const WIDTH: usize = 300;
    let cut = |line: &str| match line.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    };
    let mut lines: Vec<String> = text.lines().map(cut).collect();
    if lines.len() > 2 * LINES {
        let left_out = lines.len() - 2 * LINES;
        let rest = lines.split_off(lines.len() - LINES);
        lines.truncate(LINES);
        lines.push(format!("… {left_out} lines …"));
        lines.extend(rest);
    }
    lines.join("\n")
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Ended {
    /// The exit code; signals count as 128 + n, as in a shell.
    pub fn code(&self) -> i32 {
        let signalled = || 128 + self.status.signal().unwrap_or_default();
        self.status.code().unwrap_or_else(signalled)
    }

    /// Panics unless it ended with `code`.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(
            self.code(),
            code,
            "exit code\n--- stdout\n{}\n--- stderr\n{}",
            brief(&self.stdout),
            brief(&self.stderr)
        );
        self
    }
}

impl Collected {
    fn from(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(length @ 1..) = pipe.read(&mut buffer) {
                shared
                    .lock()
                    .expect("no thread panics while it holds the lock")
                    .extend_from_slice(&buffer[..length]);
            }
        });
        Self { text, reader }
    }

    fn so_far(&self) -> String {
        let text = self
            .text
            .lock()
            .expect("no thread panics while it holds the lock");
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Everything up to the pipe's end. A grandchild may hold the pipe open, so
    /// the wait for that end is short.
    fn all(&self) -> String {
        let deadline = Instant::now() + Duration::from_secs(2);
        while !self.reader.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.so_far()
    }
}
