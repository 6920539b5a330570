//! What is remembered of a running Swarm between two commands: its processes,
//! ports and kind, in `target/vm/run/NAME/state.json`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::machines::Machines;
use super::place::{self, Place};
use super::qemu::Accelerator;
use super::{Kernel, Layout};

/// A Swarm that runs, or ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Its name.
    pub name: String,
    /// One VM or two.
    pub layout: Layout,
    /// Which series of kernels.
    pub kernel: Kernel,
    /// Which kernel of it.
    pub release: String,
    /// How its processors are provided.
    pub accelerator: Accelerator,
    /// Its VMs.
    pub machines: Machines,
}

impl State {
    /// What is known of the Swarm of this name.
    ///
    /// # Errors
    /// When the name will not do for a folder or the file cannot be read.
    pub fn read(place: &Place, name: &str) -> Result<Option<Self>> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        ensure!(
            !name.is_empty() && name.chars().all(plain),
            "{name:?} will not do as a name"
        );
        let file = Self::folder(place, name).join("state.json");
        match fs::read(&file) {
            // Written by another version of this program: its VM is unknown.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    /// Remembers it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, place: &Place) -> Result<()> {
        let file = Self::folder(place, &self.name).join("state.json");
        fs::write(&file, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Forgets it, and removes its disk.
    ///
    /// # Errors
    /// When the folder stays.
    pub fn forget(&self, place: &Place) -> Result<()> {
        place::remove(&Self::folder(place, &self.name))
    }

    /// One line: what it is, where it is.
    pub fn summary(&self) -> String {
        let processes: Vec<String> = self
            .machines
            .processes()
            .iter()
            .map(|process| format!("process {}, port {}", process.pid(), process.port))
            .collect();
        format!(
            "{}, kernel {} ({}), {}",
            self.layout,
            self.release,
            self.accelerator.remark(),
            processes.join("; ")
        )
    }

    fn folder(place: &Place, name: &str) -> PathBuf {
        place.path("run").join(name)
    }
}
