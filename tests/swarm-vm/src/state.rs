//! What is remembered of a running Swarm between two commands: its processes,
//! ports and kind, in `target/vm/run/NAME/state.json`.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::folders::{self, Folders};
use crate::lock;
use crate::machines::Machines;
use crate::process;
use crate::qemu::Accelerator;
use crate::{Debian, Kernel, Layout};

/// A Swarm that runs, or ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Its name.
    pub name: String,
    /// One VM or two.
    pub layout: Layout,
    /// Which series of kernels.
    pub kernel: Kernel,
    /// Which Debian's Docker.
    pub debian: Debian,
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
    /// Errors if the name will not do for a folder or the file cannot be read.
    pub fn read(folders: &Folders, name: &str) -> Result<Option<Self>> {
        check(name)?;
        let file = Self::folder(folders, name).join("state.json");
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
    /// Errors if the file cannot be written.
    pub fn write(&self, folders: &Folders) -> Result<()> {
        let file = Self::folder(folders, &self.name).join("state.json");
        fs::write(&file, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Keeps others from bringing up or ending the same Swarm meanwhile.
    ///
    /// # Errors
    /// Errors if the name will not do or the lock cannot be taken.
    pub fn lock(folders: &Folders, name: &str) -> Result<File> {
        check(name)?;
        let file = folders.folder("run")?.join(format!("{name}.lock"));
        lock::take(&file, "bringing up this Swarm")
    }

    /// An empty folder for its files, with nothing of it running.
    ///
    /// # Errors
    /// Errors if what is left of an earlier one cannot be removed.
    pub fn fresh_folder(folders: &Folders, name: &str) -> Result<PathBuf> {
        Self::forget(folders, name)?;
        folders.folder(&format!("run/{name}"))
    }

    /// Removes its files, after ending what may be left of it.
    ///
    /// # Errors
    /// Errors if a process or the folder stays.
    pub fn forget(folders: &Folders, name: &str) -> Result<()> {
        check(name)?;
        let folder = Self::folder(folders, name);
        process::end_leftovers(&folder)?;
        folders::remove(&folder)
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
            "{}, kernel {}, Debian {}'s Docker ({}), {}",
            self.layout,
            self.release,
            self.debian.name(),
            self.accelerator.remark(),
            processes.join("; ")
        )
    }

    fn folder(folders: &Folders, name: &str) -> PathBuf {
        folders.path("run").join(name)
    }
}

/// A name becomes the name of a folder.
fn check(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    ensure!(
        !name.is_empty() && name.chars().all(plain),
        "{name:?} will not do as a name"
    );
    Ok(())
}
