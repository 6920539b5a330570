//! The host's end of the guest agent: run a command in a node, with its
//! standard output, standard error and exit code kept apart.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

#[path = "../guest/vmtool/wire.rs"]
mod wire;

/// What a command in the VM left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Its exit code; 128 + the number of the signal, if one ended it.
    pub status: i32,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Whether the command succeeded.
    pub fn success(&self) -> bool {
        self.status == 0
    }

    /// Standard output as text.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Standard output as text, if the command succeeded.
    ///
    /// # Errors
    /// Errors if it failed; carries what it printed.
    pub fn checked(self) -> Result<String> {
        if self.success() {
            return Ok(self.stdout_text());
        }
        bail!(
            "exit code {}: {}{}",
            self.status,
            self.stdout_text(),
            self.stderr_text()
        )
    }
}

/// A command to run: its words, its surroundings and what it reads.
#[derive(Debug)]
pub struct Request<'a> {
    /// `a`, `b` or `vm`: whose namespaces to enter.
    pub node: &'a str,
    /// Program and arguments.
    pub argv: &'a [&'a str],
    /// Added to the environment.
    pub env: &'a [(&'a str, &'a str)],
}

enum Event {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    Exit(i32),
    Failed(String),
    Closed(Option<io::Error>),
}

/// A command that is running in the VM.
///
/// Dropping it kills the command and what it started.
#[derive(Debug)]
pub struct Running {
    stream: TcpStream,
    events: Receiver<Event>,
    line: String,
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Event")
    }
}

/// Whether an agent answers on this port within the time.
pub fn answers(port: u16, within: Duration) -> bool {
    connect(port, within).is_ok()
}

fn connect(port: u16, within: Duration) -> Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), within)
        .context("nobody listens for the VM's agent: is the VM up?")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(within))?;
    let mut banner = vec![0; wire::BANNER.len()];
    stream
        .read_exact(&mut banner)
        .context("the VM's agent does not answer")?;
    if banner != wire::BANNER {
        bail!("what answers on port {port} is not the VM's agent");
    }
    stream.set_read_timeout(None)?;
    Ok(stream)
}

/// Starts a command through the agent on this port.
///
/// # Errors
/// Errors if the agent does not answer.
pub fn start(port: u16, request: &Request<'_>) -> Result<Running> {
    // Nothing was requested yet, so a connection that got stuck is simply made anew.
    let within = Duration::from_secs(15);
    let mut stream = connect(port, within).or_else(|_| connect(port, 2 * within))?;
    wire::write_frame(&mut stream, wire::NODE, request.node.as_bytes())?;
    for (name, value) in request.env {
        wire::write_frame(&mut stream, wire::ENV, format!("{name}={value}").as_bytes())?;
    }
    for word in request.argv {
        if word.len() > wire::MAX_PAYLOAD {
            bail!(
                "a word of the command is longer than {} bytes",
                wire::MAX_PAYLOAD
            );
        }
        wire::write_frame(&mut stream, wire::ARG, word.as_bytes())?;
    }
    wire::write_frame(&mut stream, wire::RUN, &[])?;
    let mut from_agent = stream.try_clone()?;
    let (sender, events) = channel();
    thread::spawn(move || {
        loop {
            let event = match wire::read_frame(&mut from_agent) {
                Ok(Some((wire::STDOUT, bytes))) => Event::Stdout(bytes),
                Ok(Some((wire::STDERR, bytes))) => Event::Stderr(bytes),
                Ok(Some((wire::EXIT, code))) => {
                    let code = code.try_into().map_or(255, i32::from_be_bytes);
                    Event::Exit(code)
                }
                Ok(Some((wire::FAILED, why))) => {
                    Event::Failed(String::from_utf8_lossy(&why).into_owned())
                }
                Ok(Some(_)) => continue,
                Ok(None) => Event::Closed(None),
                Err(error) => Event::Closed(Some(error)),
            };
            let last = !matches!(event, Event::Stdout(_) | Event::Stderr(_));
            if sender.send(event).is_err() || last {
                return;
            }
        }
    });
    Ok(Running {
        stream,
        events,
        line: request.argv.join(" "),
    })
}

impl Running {
    /// Gives the command everything it is to read, and the end of file.
    ///
    /// # Errors
    /// Errors if the connection is gone or the source cannot be read.
    pub fn feed(&mut self, from: &mut impl Read) -> Result<()> {
        let mut buffer = vec![0; wire::MAX_PAYLOAD];
        loop {
            let length = from.read(&mut buffer)?;
            wire::write_frame(&mut self.stream, wire::STDIN, &buffer[..length])
                .with_context(|| format!("{}: lost the VM's agent", self.line))?;
            if length == 0 {
                return Ok(());
            }
        }
    }

    /// A second handle that only feeds, for a thread of its own.
    ///
    /// # Errors
    /// Errors if the connection cannot be duplicated.
    pub fn feeder(&self) -> Result<impl FnMut(&[u8]) -> io::Result<()> + Send + 'static> {
        let mut stream = self.stream.try_clone()?;
        Ok(move |bytes: &[u8]| wire::write_frame(&mut stream, wire::STDIN, bytes))
    }

    /// Sends a signal, by number, to the command and what it started.
    ///
    /// # Errors
    /// Errors if the connection is gone.
    pub fn signal(&mut self, number: u8) -> Result<()> {
        wire::write_frame(&mut self.stream, wire::SIGNAL, &[number])
            .with_context(|| format!("{}: lost the VM's agent", self.line))
    }

    /// Waits until the command ends, passing on its output as it comes.
    ///
    /// # Errors
    /// Errors if it could not be started, ran longer than the limit (it is killed
    /// then), or the VM went away.
    pub fn stream_to(
        &mut self,
        limit: Duration,
        stdout: &mut dyn Write,
        stderr: &mut dyn Write,
    ) -> Result<i32> {
        let deadline = Instant::now() + limit;
        loop {
            match self
                .events
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(Event::Stdout(bytes)) => {
                    stdout.write_all(&bytes)?;
                    stdout.flush()?;
                }
                Ok(Event::Stderr(bytes)) => {
                    stderr.write_all(&bytes)?;
                    stderr.flush()?;
                }
                Ok(Event::Exit(code)) => return Ok(code),
                Ok(Event::Failed(why)) => bail!("cannot run {}: {why}", self.line),
                Ok(Event::Closed(why)) => {
                    let why = why.map(|error| format!(": {error}")).unwrap_or_default();
                    bail!("{}: the VM went away{why}", self.line)
                }
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.stream.shutdown(Shutdown::Both);
                    bail!(
                        "{}: not done after {} s, killed",
                        self.line,
                        limit.as_secs()
                    )
                }
                Err(RecvTimeoutError::Disconnected) => bail!("{}: already over", self.line),
            }
        }
    }

    /// Waits until the command ends and collects its output.
    ///
    /// # Errors
    /// As [`Running::stream_to`]; what had been written until then is in the error.
    pub fn wait(mut self, limit: Duration) -> Result<Output> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let status = self
            .stream_to(limit, &mut stdout, &mut stderr)
            .with_context(|| {
                let tail = |bytes: &[u8]| {
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    text.lines()
                        .rev()
                        .take(10)
                        .collect::<Vec<_>>()
                        .into_iter()
                        .rev()
                        .collect::<Vec<_>>()
                        .join("\n")
                };
                format!("until then it wrote:\n{}\n{}", tail(&stdout), tail(&stderr))
            })?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }

    /// Interrupts the command, as Ctrl-C would, and collects its output.
    ///
    /// # Errors
    /// As [`Running::wait`].
    pub fn interrupt(mut self, limit: Duration) -> Result<Output> {
        self.signal(2)?;
        self.wait(limit)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
