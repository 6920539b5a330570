//! `cargo xtask vm test`: swarmtrace on each kernel and Docker, and a table of the
//! results.
//!
//! One row at a time: each has the whole machine, its VM is ended afterwards, and it
//! runs in a process of its own, so that one that hangs or dies costs its own row and
//! no other. That process is this very program again: whoever calls [`run`] calls
//! [`row`] for its `vm test-row`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use swarm_vm::{Debian, Kernel, Vm, interrupt};
use swarmtrace_programs as programs;

use super::NAME;
use super::row::Row;
use super::table::render;

/// Building a Swarm, and everything that is tried on it, on a machine that emulates
/// it and is busy.
const ROW_LIMIT: Duration = Duration::from_mins(45);
/// How long a row that is interrupted may take to do so.
const END_LIMIT: Duration = Duration::from_secs(20);

/// What to try.
#[derive(Debug, clap::Args)]
pub struct MatrixOptions {
    /// These of Debian's cloud kernels
    #[arg(long, value_enum, num_args = 1.., default_values_t = Kernel::ALL)]
    kernel: Vec<Kernel>,
    /// With the Docker, iptables and tools of these Debians: 12 has Docker 20.10, 13
    /// has 26.1, forky has 28.5; mixed: node-a has forky's, node-b has 12's
    #[arg(long, value_enum, num_args = 1.., default_values_t = [Debian::default()])]
    debian: Vec<Debian>,
}

/// What one row tries.
#[derive(Debug, clap::Args)]
pub struct RowOptions {
    /// The kernel
    #[arg(value_enum)]
    kernel: Kernel,
    /// The Debian whose Docker it is
    #[arg(value_enum)]
    debian: Debian,
}

/// Tries one row and prints it as JSON.
///
/// # Errors
/// Errors if signals cannot be handled. What a check panics with is in the row.
pub fn row(options: &RowOptions) -> Result<ExitCode> {
    interrupt::install()?;
    std::panic::set_hook(Box::new(|panic| {
        if let Some(at) = panic.location() {
            eprintln!("  at {at}");
        }
    }));
    let row = super::row(options.kernel, options.debian);
    println!("{}", serde_json::to_string(&row)?);
    Ok(ExitCode::SUCCESS)
}

/// Tries them, each kernel with each Docker. `build` builds the swarmtrace that is
/// tried and returns its path.
///
/// # Errors
/// Errors if swarmtrace or the tests do not build, or when interrupted. That a row fails
/// is none: the exit code is 1.
pub fn run(options: &MatrixOptions, build: impl FnOnce() -> Result<PathBuf>) -> Result<ExitCode> {
    interrupt::record()?;
    let binary = build()?;
    // Two would end each other's VM.
    let _lock = lock()?;
    let mut rows = Vec::new();
    for &debian in &options.debian {
        for &kernel in &options.kernel {
            eprintln!("Linux {}, Debian {}'s Docker", kernel.name(), debian.name());
            // What an earlier run may have left would be in the way.
            Vm::end(NAME)?;
            let tried = attempt(&binary, kernel, debian);
            Vm::end(NAME)?;
            if interrupt::recorded() {
                print!("{}", render(&rows));
                bail!("interrupted; the table has what was done by then");
            }
            let row =
                tried.unwrap_or_else(|error| Row::failed(kernel, debian, format!("{error:#}")));
            rows.push(row);
        }
    }
    let text = render(&rows);
    print!("{text}");
    let file = programs::target_folder().join("matrix.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&rows)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(match rows.iter().all(Row::passed) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn lock() -> Result<File> {
    let path = programs::target_folder().join("matrix.lock");
    let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => bail!("another `cargo xtask vm test` is under way"),
    }
}

/// One row, by a process of its own.
fn attempt(binary: &Path, kernel: Kernel, debian: Debian) -> Result<Row> {
    // This very program, also if it has been rebuilt meanwhile.
    let mut child = programs::built("/proc/self/exe")
        .args(["vm", "test-row", kernel.name(), debian.name()])
        .env("SWARMTRACE_BIN", binary)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start a process for the row")?;
    let mut stdout = child.stdout.take().context("its output is piped")?;
    let reader = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let ended = supervise(&mut child);
    // Its end is that of its output, too: nothing that it starts inherits that.
    let text = match reader.join() {
        Ok(text) => text.context("cannot read what it found"),
        Err(_) => bail!("the reader panicked"),
    };
    ended?;
    serde_json::from_str(&text?).context("the process printed no row")
}

/// Waits for its end, but not for ever.
fn supervise(child: &mut Child) -> Result<()> {
    let deadline = Instant::now() + ROW_LIMIT;
    loop {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        let late = Instant::now() > deadline;
        if late || interrupt::recorded() {
            end(child)?;
            bail!(match late {
                true => format!("not done after {} minutes", ROW_LIMIT.as_secs() / 60),
                false => "interrupted".to_owned(),
            });
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Asks it to end, so that it ends a VM under construction, then makes it.
fn end(child: &mut Child) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    // It may have heard of it already.
    let _ = kill(pid, Signal::SIGTERM);
    let deadline = Instant::now() + END_LIMIT;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
