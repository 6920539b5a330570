//! What ends a trace: a signal, its time, or the command that it accompanies.

use super::options::TraceLimits;
use anyhow::{Context as _, Result};
use std::os::fd::AsFd as _;
use std::process::{ExitStatus, Stdio};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

/// Why a trace ended before it had counted enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// SIGINT, SIGTERM or SIGHUP.
    Signal,
    /// Its time was up.
    Time,
    /// The command exited.
    Command(ExitStatus),
}

/// Waits for what ends a trace.
pub struct Ends {
    signals: [Signal; 3],
    deadline: Option<Instant>,
    command: Option<Child>,
}

impl Ends {
    /// From now on a signal ends the trace rather than the process.
    ///
    /// Errors if a signal cannot be handled.
    pub fn new() -> Result<Self> {
        Ok(Self {
            signals: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ],
            deadline: None,
            command: None,
        })
    }

    /// Starts the clock and the command.
    ///
    /// Errors if the command cannot be run.
    pub fn begin(&mut self, limits: &TraceLimits) -> Result<()> {
        self.command = start(&limits.command)?;
        self.deadline = limits.duration.map(|duration| Instant::now() + duration);
        Ok(())
    }

    /// Whether a command is still running.
    pub fn command_runs(&self) -> bool {
        self.command.is_some()
    }

    /// Waits for the next end. After the time or the command only signals remain; a
    /// command that runs out of time is killed. Cancel-safe.
    ///
    /// Errors if the command cannot be waited for.
    pub async fn next(&mut self) -> Result<End> {
        let [interrupt, terminate, hangup] = &mut self.signals;
        let (deadline, command) = (self.deadline, &mut self.command);
        let time_is_up = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let exited = async {
            match command {
                Some(child) => child.wait().await,
                None => std::future::pending().await,
            }
        };
        let end = tokio::select! {
            _ = interrupt.recv() => return Ok(End::Signal),
            _ = terminate.recv() => return Ok(End::Signal),
            _ = hangup.recv() => return Ok(End::Signal),
            status = exited => End::Command(status.context("cannot wait for the command")?),
            () = time_is_up => End::Time,
        };
        (self.deadline, self.command) = (None, None);
        Ok(end)
    }
}

/// Starts the user's command. Its output goes to standard error, where it cannot be
/// taken for the trace's own.
fn start(words: &[String]) -> Result<Option<Child>> {
    let Some((program, arguments)) = words.split_first() else {
        return Ok(None);
    };
    let stderr = std::io::stderr().as_fd().try_clone_to_owned()?;
    #[allow(clippy::disallowed_methods, reason = "the user names the program")]
    let mut command = Command::new(program);
    let child = command
        .args(arguments)
        .stdout(Stdio::from(stderr))
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run '{program}'"))?;
    Ok(Some(child))
}
