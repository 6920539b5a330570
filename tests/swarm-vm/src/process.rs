//! A QEMU that was started: its end, and the certainty that a process id
//! still is the very QEMU it once was.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::interrupt;
use crate::qmp::Qmp;
use crate::role::Role;

/// A VM that runs, or ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Process {
    /// Which VM.
    pub role: Role,
    /// Where its files are.
    pub folder: PathBuf,
    /// The host's port for its agent.
    pub port: u16,
    pid: i32,
    started: u64,
}

impl Process {
    /// The VM that was just started in this folder.
    ///
    /// # Errors
    /// Errors if it has ended already.
    pub fn started(role: Role, folder: &Path, port: u16) -> Result<Self> {
        let pid = fs::read_to_string(folder.join("pid")).context("QEMU left no process id")?;
        let pid: i32 = pid
            .trim()
            .parse()
            .context("QEMU's process id is no number")?;
        let started = start_time(pid).context("QEMU ended at once")?;
        interrupt::unfinished(pid);
        Ok(Self {
            role,
            folder: folder.to_owned(),
            port,
            pid,
            started,
        })
    }

    /// Whether this very process still runs.
    pub fn runs(&self) -> bool {
        start_time(self.pid) == Some(self.started)
    }

    /// The process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Its control socket.
    ///
    /// # Errors
    /// Errors if it does not answer.
    pub fn qmp(&self) -> Result<Qmp> {
        Qmp::connect(&self.folder, "qmp")
    }

    /// From now on it outlives this program.
    pub fn keep(&self) {
        interrupt::finished(self.pid);
    }

    /// Ends it. That it has ended already is fine.
    ///
    /// # Errors
    /// Errors if it runs on.
    pub fn stop(&self) -> Result<()> {
        interrupt::finished(self.pid);
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            if !self.runs() {
                return Ok(());
            }
            let _ = kill(Pid::from_raw(self.pid), signal);
            let deadline = Instant::now() + Duration::from_secs(5);
            while self.runs() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(10));
            }
        }
        if self.runs() {
            bail!("QEMU (process {}) does not end", self.pid);
        }
        Ok(())
    }

    /// The last lines that the VM's kernel and first process printed.
    pub fn console(&self) -> String {
        console_tail(&self.folder)
    }
}

/// Ends VMs of which only the process id was left in a folder, because what
/// started them was killed before it could write more.
///
/// # Errors
/// Errors if one runs on.
pub fn end_leftovers(folder: &Path) -> Result<()> {
    for role in [Role::Both, Role::A, Role::B] {
        let own = folder.join(role.name());
        let pid = fs::read_to_string(own.join("pid")).ok();
        let Some(pid) = pid.and_then(|text| text.trim().parse().ok()) else {
            continue;
        };
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        // The folder is in its command line: it is the one started here.
        if let (true, Some(started)) = (line.contains(&escaped(folder)), start_time(pid)) {
            Process {
                role,
                folder: own,
                port: 0,
                pid,
                started,
            }
            .stop()?;
        }
    }
    Ok(())
}

/// The last lines of a VM's console.
pub fn console_tail(folder: &Path) -> String {
    let text = fs::read(folder.join("console")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(15)..].join("\n");
    if tail.is_empty() {
        "(the console is empty)".to_owned()
    } else {
        tail
    }
}

/// When the process began, in ticks since boot; `None` if it is not a living
/// QEMU. A process id may be used again, the pair never is.
fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    if !head.contains("(qemu") || matches!(fields.next(), Some("Z" | "X")) {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// QEMU separates options by commas and has them doubled in values.
pub fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_not_qemu_is_not_ours() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert_eq!(start_time(pid), None);
        assert_eq!(start_time(i32::MAX), None);
    }
}
