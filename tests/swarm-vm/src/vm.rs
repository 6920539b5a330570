//! A Swarm that is up: commands in it, files to and from it, its state restored.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::agent::{Output, Running};
use crate::config::{Config, Node};
use crate::folders::Folders;
use crate::image::Image;
use crate::machines::Machines;
use crate::process::Process;
use crate::snapshot::{Snapshot, Wanted};
use crate::state::State;
use crate::step::Step;
use crate::{accelerator, files, qemu, swarm};

/// How long [`Vm::exec`] lets a command run.
pub const EXEC_LIMIT: Duration = Duration::from_mins(5);
/// A restored Swarm answers within a few seconds, or is damaged.
const ANSWER_LIMIT: Duration = Duration::from_secs(40);

/// A Swarm that is up.
///
/// Dropping it leaves the VM running, for the next [`Vm::up`] or for
/// `cargo xtask vm`, unless [`Config::stop_on_drop`] is set.
#[derive(Debug)]
pub struct Vm {
    folders: Folders,
    state: State,
    stop_on_drop: bool,
}

impl Vm {
    /// The Swarm: the one that is up already, or restored, or built.
    ///
    /// # Errors
    /// Errors if another kind of Swarm is up under this name, or it cannot be built.
    pub fn up(config: &Config) -> Result<Self> {
        let folders = Folders::open()?;
        let _lock = State::lock(&folders, &config.name)?;
        if let Some(state) = State::read(&folders, &config.name)? {
            if state.machines.run() && !config.cold {
                if (state.layout, state.kernel, state.debian)
                    != (config.layout, config.kernel, config.debian)
                {
                    bail!(
                        "up already: {}; first run: cargo xtask vm down",
                        state.summary()
                    );
                }
                return Ok(Self {
                    folders,
                    state,
                    stop_on_drop: config.stop_on_drop,
                });
            }
            state.machines.stop()?;
        }
        let qemu_version = qemu::version()?;
        let image = Image::get(&folders, config.kernel, config.debian, config.cold)?;
        let accelerator = accelerator::choose(&folders, &image, &qemu_version)?;
        let wanted = Wanted {
            folders: &folders,
            layout: config.layout,
            image: &image,
            accelerator,
            qemu_version: &qemu_version,
        };
        let found = if config.cold { None } else { wanted.find()? };
        let state = match found {
            Some(snapshot) => {
                Self::continue_saved(&wanted, &snapshot, config).or_else(|error| {
                    eprintln!("  the saved Swarm does not continue, building it anew: {error:#}");
                    snapshot.discard()?;
                    Self::continue_saved(&wanted, &wanted.build()?, config)
                })?
            }
            None => {
                if let (true, Some(old)) = (config.cold, wanted.find()?) {
                    old.discard()?;
                }
                Self::continue_saved(&wanted, &wanted.build()?, config)?
            }
        };
        Ok(Self {
            folders,
            state,
            stop_on_drop: config.stop_on_drop,
        })
    }

    /// The Swarm of this name, if it is up.
    ///
    /// # Errors
    /// Errors if what is known of it cannot be read.
    pub fn running(name: &str) -> Result<Option<Self>> {
        let folders = Folders::open()?;
        let state = State::read(&folders, name)?.filter(|state| state.machines.run());
        Ok(state.map(|state| Self {
            folders,
            state,
            stop_on_drop: false,
        }))
    }

    fn continue_saved(wanted: &Wanted<'_>, snapshot: &Snapshot, config: &Config) -> Result<State> {
        let step = Step::start(format!("restoring {}", wanted.layout));
        let folder = State::fresh_folder(wanted.folders, &config.name)?;
        let machines = Machines::restore(
            &folder,
            snapshot.folder(),
            wanted.layout,
            wanted.image,
            wanted.accelerator,
        )?;
        let state = State {
            name: config.name.clone(),
            layout: config.layout,
            kernel: config.kernel,
            debian: config.debian,
            release: wanted.image.manifest.kernel.clone(),
            accelerator: wanted.accelerator,
            machines,
        };
        state.write(wanted.folders)?;
        if let Err(error) = swarm::await_answers(&state.machines, ANSWER_LIMIT) {
            state.machines.stop()?;
            return Err(error.context("the restored Swarm does not answer"));
        }
        state.machines.processes().iter().for_each(Process::keep);
        step.done_with(state.release.as_str());
        Ok(state)
    }

    /// Puts the Swarm back to how [`Vm::up`] found it, whatever happened to it
    /// since. Commands still running in it are lost. It answers on both nodes
    /// when this returns.
    ///
    /// # Errors
    /// Errors if it cannot be restored, nor be built anew.
    pub fn restore(&mut self) -> Result<()> {
        self.state.machines.stop()?;
        let config = Config {
            layout: self.state.layout,
            kernel: self.state.kernel,
            debian: self.state.debian,
            cold: false,
            name: self.state.name.clone(),
            stop_on_drop: false,
        };
        self.state = Self::up(&config)?.state.clone();
        Ok(())
    }

    /// Runs a command in a node to its end, for at most [`EXEC_LIMIT`].
    ///
    /// # Errors
    /// Errors if it cannot be started or takes too long. That it fails is no error:
    /// look at [`Output::status`] or use [`Output::checked`].
    pub fn exec(&self, node: Node, argv: &[&str]) -> Result<Output> {
        self.exec_with(node, argv, b"", EXEC_LIMIT)
    }

    /// Like [`Vm::exec`], with something to read and a limit.
    ///
    /// # Errors
    /// As [`Vm::exec`].
    pub fn exec_with(
        &self,
        node: Node,
        argv: &[&str],
        stdin: &[u8],
        limit: Duration,
    ) -> Result<Output> {
        self.state.machines.exec(node, argv, stdin, limit)
    }

    /// Runs a script by the node's `sh -c`, and gives its standard output.
    ///
    /// # Errors
    /// Errors if it fails, with what it printed.
    pub fn sh(&self, node: Node, script: &str) -> Result<String> {
        let out = self.exec(node, &["sh", "-c", script])?;
        out.checked().with_context(|| format!("{node}: {script}"))
    }

    /// Starts a command in a node and lets it run. Its output is collected
    /// meanwhile: see [`Running::wait`] and [`Running::interrupt`].
    ///
    /// # Errors
    /// Errors if the VM's agent does not answer.
    pub fn spawn(&self, node: Node, argv: &[&str]) -> Result<Running> {
        let mut running = self.state.machines.start(node, argv, &[])?;
        running.feed(&mut std::io::empty())?;
        Ok(running)
    }

    /// Starts a command that [`Running::feed`] gives its input, with additions
    /// to its environment.
    ///
    /// # Errors
    /// As [`Vm::spawn`].
    pub fn spawn_fed(&self, node: Node, argv: &[&str], env: &[(&str, &str)]) -> Result<Running> {
        self.state.machines.start(node, argv, env)
    }

    /// Copies a file, with its permissions, or a folder into the VM.
    ///
    /// # Errors
    /// Errors if it cannot be read here or written there.
    pub fn put(&self, node: Node, local: &Path, guest: &str) -> Result<()> {
        files::put(&self.state.machines, node, local, guest)
    }

    /// Copies a file or a folder out of the VM.
    ///
    /// # Errors
    /// Errors if it cannot be read there or written here.
    pub fn get(&self, node: Node, guest: &str, local: &Path) -> Result<()> {
        files::get(&self.state.machines, node, guest, local)
    }

    /// Cuts a node's cable to the wire, or plugs it in again.
    ///
    /// # Errors
    /// Errors if the VM does not do it.
    pub fn set_cable(&self, node: Node, plugged: bool) -> Result<()> {
        self.state.machines.set_cable(node, plugged)
    }

    /// The kernel's release, as `uname -r` prints it.
    pub fn kernel_release(&self) -> &str {
        &self.state.release
    }

    /// Whether every instruction is emulated, and times mean little.
    pub fn is_emulated(&self) -> bool {
        self.state.accelerator == qemu::Accelerator::Tcg
    }

    /// One line on what is up.
    pub fn summary(&self) -> String {
        self.state.summary()
    }

    /// Ends the VM, only ever the one that this project started.
    ///
    /// # Errors
    /// Errors if it runs on.
    pub fn down(mut self) -> Result<()> {
        self.stop_on_drop = false;
        self.state.machines.stop()?;
        State::forget(&self.folders, &self.state.name)
    }

    /// Ends the Swarm of this name, also if an interrupted run left it half
    /// up. Returns whether it was up.
    ///
    /// # Errors
    /// Errors if it runs on.
    pub fn end(name: &str) -> Result<bool> {
        let vm = Self::running(name)?;
        let was_up = vm.is_some();
        match vm {
            Some(vm) => vm.down()?,
            None => State::forget(&Folders::open()?, name)?,
        }
        Ok(was_up)
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        if self.stop_on_drop {
            let _ = self.state.machines.stop();
            let _ = State::forget(&self.folders, &self.state.name);
        }
    }
}
