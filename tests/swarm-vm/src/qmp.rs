//! QEMU's control socket: the few commands that stop, save, restore and
//! continue a VM.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// A conversation with one QEMU.
pub struct Qmp {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
}

impl Qmp {
    /// Connects to the socket of this name in a folder.
    ///
    /// # Errors
    /// Errors if nobody answers there within the time a command may take.
    pub fn connect(folder: &Path, socket: &str) -> Result<Self> {
        // A socket's path may have 107 bytes; through the open folder it is short.
        let open = File::open(folder).with_context(|| format!("no {}", folder.display()))?;
        let path = format!("/proc/self/fd/{}/{socket}", open.as_raw_fd());
        let stream = UnixStream::connect(path).context("QEMU's control socket does not answer")?;
        stream.set_read_timeout(Some(Duration::from_mins(2)))?;
        let mut qmp = Self {
            lines: BufReader::new(stream.try_clone()?),
            stream,
        };
        qmp.read()?;
        qmp.command("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Runs one command and gives what it returned.
    ///
    /// # Errors
    /// Errors if QEMU refuses it or goes away.
    pub fn command(&mut self, name: &str, arguments: Value) -> Result<Value> {
        let mut request = serde_json::to_vec(&json!({ "execute": name, "arguments": arguments }))?;
        request.push(b'\n');
        self.stream
            .write_all(&request)
            .with_context(|| format!("QEMU {name}"))?;
        loop {
            let answer = self.read().with_context(|| format!("QEMU {name}"))?;
            if let Some(error) = answer.get("error") {
                bail!(
                    "QEMU {name}: {}",
                    error["desc"].as_str().unwrap_or("refused")
                );
            }
            if let Some(value) = answer.get("return") {
                return Ok(value.clone());
            }
        }
    }

    /// Turns on what keeps the memory, which is in a file already, out of the
    /// saved state.
    ///
    /// # Errors
    /// As [`Qmp::command`].
    pub fn leave_memory_in_its_file(&mut self) -> Result<()> {
        let on = json!({ "capabilities": [{ "capability": "x-ignore-shared", "state": true }] });
        self.command("migrate-set-capabilities", on).map(drop)
    }

    /// Waits until the saving or restoring under way is complete.
    ///
    /// # Errors
    /// Errors if it fails or takes too long.
    pub fn wait_migrated(&mut self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let answer = self.command("query-migrate", json!({}))?;
            match answer["status"].as_str() {
                Some("completed") => return Ok(()),
                Some("failed" | "cancelled") => {
                    bail!(
                        "QEMU: {}",
                        answer["error-desc"]
                            .as_str()
                            .unwrap_or("the state is unusable")
                    )
                }
                _ if Instant::now() > deadline => {
                    bail!("QEMU's state was not complete after {} s", limit.as_secs())
                }
                _ => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            bail!("QEMU closed its control socket");
        }
        serde_json::from_str(&line).context("QEMU sent something that is not JSON")
    }
}
