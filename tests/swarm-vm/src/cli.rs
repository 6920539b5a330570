//! The command line of the VM: `cargo xtask vm …`.

use std::io::{Read, Write, stderr, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::{Config, Debian, Kernel, Layout, Node, Vm, interrupt};

/// What can be done with the VM.
#[derive(Debug, Subcommand)]
pub enum VmCommand {
    /// Bring the Swarm up: restored in seconds, or built the first time
    Up {
        /// One kernel for each node, joined by a wire, instead of one for both
        #[arg(long)]
        two_vms: bool,
        /// Which of Debian's cloud kernels
        #[arg(long, value_enum, default_value_t)]
        kernel: Kernel,
        /// Which Debian's Docker, iptables and tools: 12 has Docker 20.10, 13 has 26.1,
        /// forky has 28.5; mixed: node-a has forky's, node-b has 12's
        #[arg(long, value_enum, default_value_t)]
        debian: Debian,
        /// Build the disk and the Swarm anew, even if saved ones would do
        #[arg(long)]
        cold: bool,
    },
    /// Run a command as root in a node's namespaces, passing its exit code on
    Exec {
        /// a, b, or vm (outside of both nodes)
        node: Node,
        /// Kill it after this many seconds
        #[arg(long, default_value_t = 300, value_name = "SECONDS")]
        timeout: u64,
        /// Pass standard input on
        #[arg(long, short = 'i')]
        stdin: bool,
        /// Program and arguments
        #[arg(last = true, required = true, value_name = "CMD")]
        command: Vec<String>,
    },
    /// Copy a file or a folder into the VM
    #[command(override_usage = "cargo xtask vm put [NODE] <LOCAL> <GUEST>")]
    Put {
        /// Which node's VM (a if left out; it matters with --two-vms), from where, to where
        #[arg(num_args = 2..=3, required = true, value_name = "NODE, LOCAL, GUEST")]
        paths: Vec<String>,
    },
    /// Copy a file or a folder out of the VM
    #[command(override_usage = "cargo xtask vm get [NODE] <GUEST> <LOCAL>")]
    Get {
        /// Which node's VM (a if left out; it matters with --two-vms), from where, to where
        #[arg(num_args = 2..=3, required = true, value_name = "NODE, GUEST, LOCAL")]
        paths: Vec<String>,
    },
    /// Put the Swarm back to how `up` found it
    Restore,
    /// Print whether the Swarm is up, and which; exit code 3 if it is down
    Status,
    /// End the VM that `up` started
    Down,
}

impl VmCommand {
    /// Does it.
    ///
    /// # Errors
    /// Errors if it cannot be done.
    pub fn run(self) -> Result<ExitCode> {
        interrupt::install()?;
        match self {
            Self::Up {
                two_vms,
                kernel,
                debian,
                cold,
            } => up(two_vms, kernel, debian, cold)?,
            Self::Exec {
                node,
                timeout,
                stdin,
                command,
            } => {
                return exec(node, Duration::from_secs(timeout), stdin, &command);
            }
            Self::Put { paths } => {
                let (node, local, guest) = node_and_paths(paths)?;
                current()?.put(node, &PathBuf::from(local), &guest)?;
            }
            Self::Get { paths } => {
                let (node, guest, local) = node_and_paths(paths)?;
                current()?.get(node, &guest, &PathBuf::from(local))?;
            }
            Self::Restore => current()?.restore()?,
            Self::Status => match Vm::running("default")? {
                Some(vm) => println!("up: {}", vm.summary()),
                None => {
                    println!("down");
                    return Ok(ExitCode::from(3));
                }
            },
            Self::Down => {
                let name = Config::default().name;
                println!(
                    "{}",
                    if Vm::end(&name)? {
                        "down"
                    } else {
                        "down already"
                    }
                );
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn up(two_vms: bool, kernel: Kernel, debian: Debian, cold: bool) -> Result<()> {
    let since = Instant::now();
    let before = Vm::running("default")?
        .filter(|_| !cold)
        .map(|vm| vm.summary());
    let layout = if two_vms {
        Layout::TwoVms
    } else {
        Layout::OneVm
    };
    let vm = Vm::up(&Config {
        layout,
        kernel,
        debian,
        cold,
        ..Config::default()
    })?;
    match before {
        Some(_) => println!("up already: {}", vm.summary()),
        None => println!(
            "up after {:.1} s: {}",
            since.elapsed().as_secs_f64(),
            vm.summary()
        ),
    }
    Ok(())
}

fn current() -> Result<Vm> {
    Vm::running("default")?.context("the VM is not up; run: cargo xtask vm up")
}

fn exec(node: Node, limit: Duration, pass_stdin: bool, command: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let mut running = current()?.spawn_fed(node, &words, &[])?;
    if pass_stdin {
        let mut feed = running.feeder()?;
        thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(length) = stdin().read(&mut buffer) {
                if feed(&buffer[..length]).is_err() || length == 0 {
                    return;
                }
            }
        });
    } else {
        running.feed(&mut std::io::empty())?;
    }
    let status = running.stream_to(limit, &mut stdout(), &mut stderr())?;
    stdout().flush()?;
    Ok(ExitCode::from(u8::try_from(status).unwrap_or(255)))
}

fn node_and_paths(mut paths: Vec<String>) -> Result<(Node, String, String)> {
    let to = paths.pop().context("two paths are needed")?;
    let from = paths.pop().context("two paths are needed")?;
    let node = match paths.pop() {
        Some(node) => node.parse().map_err(anyhow::Error::msg)?,
        None => Node::A,
    };
    Ok((node, from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_may_be_left_out() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        let (node, from, to) = node_and_paths(words("b x /y")).unwrap();
        assert_eq!((node, from.as_str(), to.as_str()), (Node::B, "x", "/y"));
        assert_eq!(node_and_paths(words("x /y")).unwrap().0, Node::A);
        assert!(node_and_paths(words("c x /y")).is_err());
    }
}
