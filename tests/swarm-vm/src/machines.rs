//! The VMs of one Swarm as a whole, one or two: which node is where, running
//! commands there, starting them, saving them.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::agent::{self, Output, Request, Running};
use crate::image::Image;
use crate::process::Process;
use crate::qcow2::{self, Format};
use crate::qemu::{Accelerator, Launch};
use crate::role::Role;
use crate::{Layout, Node};

/// How long a boot may take: some seconds, on a busy machine ten times that.
const BOOT_LIMIT: Duration = Duration::from_secs(75);
const BOOT_ATTEMPTS: u32 = 3;

/// The VMs that make up a Swarm.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machines {
    processes: Vec<Process>,
}

/// The files a role is saved in.
pub fn saved_files(role: Role) -> [String; 3] {
    ["disk", "memory", "state"].map(|kind| format!("{}.{kind}", role.name()))
}

impl Machines {
    /// Starts the VMs, booting from the image, and waits for their agents. Under
    /// emulation a boot hangs now and then, both processors waiting for each
    /// other; such a boot is given up and begun anew.
    ///
    /// # Errors
    /// Errors if one does not come up within the time; carries its console's end.
    pub fn boot(
        folder: &Path,
        layout: Layout,
        image: &Image,
        accelerator: Accelerator,
    ) -> Result<Self> {
        for _ in 1..BOOT_ATTEMPTS {
            match Self::boot_once(folder, layout, image, accelerator) {
                Ok(machines) => return Ok(machines),
                Err(error) => {
                    let what = error.to_string();
                    let what = what.lines().next().unwrap_or_default().to_owned();
                    eprintln!("  booting anew: {what}");
                }
            }
        }
        Self::boot_once(folder, layout, image, accelerator)
    }

    fn boot_once(
        folder: &Path,
        layout: Layout,
        image: &Image,
        accelerator: Accelerator,
    ) -> Result<Self> {
        let mut machines = Self {
            processes: Vec::new(),
        };
        for &role in layout.roles() {
            let own = folder.join(role.name());
            fs::create_dir_all(&own)?;
            let [disk, memory, _] = saved_files(role).map(|name| folder.join(name));
            qcow2::create_overlay(&disk, &image.disk(), Format::Raw, image.manifest.disk_bytes)?;
            let launch = Launch {
                role,
                folder: &own,
                image,
                disk: &disk,
                memory: &memory,
                saved: false,
                accelerator,
                wire: folder,
            };
            match launch.start() {
                Ok(process) => machines.processes.push(process),
                Err(error) => return Err(machines.abandon(error)),
            }
        }
        match machines
            .resume()
            .and_then(|()| machines.await_agents(BOOT_LIMIT))
        {
            Ok(()) => Ok(machines),
            Err(error) => Err(machines.abandon(error)),
        }
    }

    /// Starts the VMs from their saved states, on disks that keep the saved
    /// ones as they are.
    ///
    /// # Errors
    /// Errors if QEMU refuses a state or an agent does not answer soon.
    pub fn restore(
        folder: &Path,
        saved: &Path,
        layout: Layout,
        image: &Image,
        accelerator: Accelerator,
    ) -> Result<Self> {
        let mut machines = Self {
            processes: Vec::new(),
        };
        match machines.start_saved(folder, saved, layout, image, accelerator) {
            Ok(()) => Ok(machines),
            Err(error) => Err(machines.abandon(error)),
        }
    }

    fn start_saved(
        &mut self,
        folder: &Path,
        saved: &Path,
        layout: Layout,
        image: &Image,
        accelerator: Accelerator,
    ) -> Result<()> {
        for &role in layout.roles() {
            let own = folder.join(role.name());
            fs::create_dir_all(&own)?;
            let disk = own.join("disk");
            let [below, memory, _] = saved_files(role).map(|name| saved.join(name));
            qcow2::create_overlay(&disk, &below, Format::Qcow2, qcow2::virtual_size(&below)?)?;
            let launch = Launch {
                role,
                folder: &own,
                image,
                disk: &disk,
                memory: &memory,
                saved: true,
                accelerator,
                wire: folder,
            };
            self.processes.push(launch.start()?);
        }
        for process in &self.processes {
            let [_, _, state] = saved_files(process.role).map(|name| saved.join(name));
            let mut qmp = process.qmp()?;
            qmp.leave_memory_in_its_file()?;
            let from = json!({ "uri": format!("exec:cat {}", quoted(&state)) });
            qmp.command("migrate-incoming", from)?;
            qmp.wait_migrated(Duration::from_secs(30))?;
        }
        self.resume()?;
        self.await_agents(Duration::from_secs(30))?;
        self.set_clocks()
    }

    /// Stops time in all VMs and writes their states next to their memory.
    /// The VMs are over after that.
    ///
    /// # Errors
    /// Errors if QEMU cannot save one.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let mut connections = self
            .processes
            .iter()
            .map(Process::qmp)
            .collect::<Result<Vec<_>>>()?;
        for qmp in &mut connections {
            qmp.command("stop", json!({}))?;
        }
        for (process, qmp) in self.processes.iter().zip(&mut connections) {
            let [_, _, state] = saved_files(process.role).map(|name| folder.join(name));
            qmp.leave_memory_in_its_file()?;
            let to = json!({ "uri": format!("exec:cat > {}", quoted(&state)) });
            qmp.command("migrate", to)?;
            qmp.wait_migrated(Duration::from_mins(2))?;
        }
        self.stop()
    }

    fn resume(&self) -> Result<()> {
        self.processes
            .iter()
            .try_for_each(|process| process.qmp()?.command("cont", json!({})).map(drop))
    }

    fn await_agents(&self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        for process in &self.processes {
            while !agent::answers(process.port, Duration::from_millis(700)) {
                if !process.runs() {
                    bail!("VM {} ended while it started", process.role.name());
                }
                if Instant::now() > deadline {
                    bail!(
                        "VM {} does not answer after {} s",
                        process.role.name(),
                        limit.as_secs()
                    );
                }
                thread::sleep(Duration::from_millis(30));
            }
        }
        Ok(())
    }

    /// A restored VM believes it is the time of its saving.
    fn set_clocks(&self) -> Result<()> {
        for process in &self.processes {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
            let now = format!("{}.{:09}", now.as_secs(), now.subsec_nanos());
            let request = Request {
                node: "",
                argv: &["vmtool", "clock", &now],
                env: &[],
            };
            agent::start(process.port, &request)?
                .wait(Duration::from_secs(20))?
                .checked()?;
        }
        Ok(())
    }

    /// Cuts a node's cable to the wire, or plugs it in again.
    ///
    /// # Errors
    /// Errors if the VM does not do it.
    pub fn set_cable(&self, node: Node, plugged: bool) -> Result<()> {
        let process = self.process_of(node)?;
        let card = match (process.role, node) {
            (Role::Both, Node::Vm) | (Role::B, Node::A | Node::Vm) => {
                bail!("{node} has no cable of its own")
            }
            (Role::Both, _) => {
                let change = if plugged { "up" } else { "down" };
                let set = ["ip", "link", "set", &node.to_string(), change];
                self.root_exec(node, &set, b"", Duration::from_secs(20))?
                    .checked()?;
                return Ok(());
            }
            (Role::A, Node::Vm) => "hub-client",
            (Role::A, _) => "hub-node",
            (Role::B, _) => "wire",
        };
        let link = json!({ "name": card, "up": plugged });
        process.qmp()?.command("set_link", link).map(drop)
    }

    /// Whether all VMs run.
    pub fn run(&self) -> bool {
        !self.processes.is_empty() && self.processes.iter().all(Process::runs)
    }

    /// The VMs.
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// Ends all VMs.
    ///
    /// # Errors
    /// Errors if one runs on.
    pub fn stop(&self) -> Result<()> {
        self.processes.iter().try_for_each(Process::stop)
    }

    /// Ends what was started and adds the consoles to the error.
    fn abandon(&self, error: anyhow::Error) -> anyhow::Error {
        let error = self.with_consoles(error);
        let _ = self.stop();
        error
    }

    /// The error, and below it how the consoles end.
    pub fn with_consoles(&self, error: anyhow::Error) -> anyhow::Error {
        let consoles: String = self
            .processes
            .iter()
            .map(|process| {
                format!(
                    "\nthe console of VM {} ends:\n{}",
                    process.role.name(),
                    process.console()
                )
            })
            .collect();
        anyhow::anyhow!("{error:#}{consoles}")
    }

    /// The VM a node is in.
    ///
    /// # Errors
    /// Errors if there is none.
    pub fn process_of(&self, node: Node) -> Result<&Process> {
        self.processes
            .iter()
            .find(|process| match process.role {
                Role::Both => true,
                Role::A => node != Node::B,
                Role::B => node == Node::B,
            })
            .with_context(|| format!("no VM for {node}"))
    }

    /// Starts a command in a node's namespaces.
    ///
    /// # Errors
    /// Errors if the VM's agent does not answer.
    pub fn start(&self, node: Node, argv: &[&str], env: &[(&str, &str)]) -> Result<Running> {
        let request = Request {
            node: node.letter(),
            argv,
            env,
        };
        agent::start(self.process_of(node)?.port, &request)
    }

    /// Runs a command in a node's namespaces to its end.
    ///
    /// # Errors
    /// Errors if it cannot be started or takes too long. That it fails is no error.
    pub fn exec(&self, node: Node, argv: &[&str], stdin: &[u8], limit: Duration) -> Result<Output> {
        let mut running = self.start(node, argv, &[])?;
        running.feed(&mut &*stdin)?;
        running.wait(limit)
    }

    /// Like [`Machines::exec`], in the VM itself and not in the node's
    /// namespaces.
    ///
    /// # Errors
    /// As [`Machines::exec`].
    pub fn root_exec(
        &self,
        node: Node,
        argv: &[&str],
        stdin: &[u8],
        limit: Duration,
    ) -> Result<Output> {
        let request = Request {
            node: "",
            argv,
            env: &[],
        };
        let mut running = agent::start(self.process_of(node)?.port, &request)?;
        running.feed(&mut &*stdin)?;
        running.wait(limit)
    }
}

/// For the shell that QEMU passes a state through.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}
