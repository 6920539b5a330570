//! The saved Swarm: two nodes up, services running, ready to be continued as
//! often as one likes. Kept under a key of all that shaped it.
//!
//! A VM's memory is a file from the start, so saving writes only its devices,
//! and restoring maps that file, copying pages as the VM writes them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::folders::{self, Folders};
use crate::image::{Image, Manifest};
use crate::lock;
use crate::machines::{Machines, saved_files};
use crate::process;
use crate::qemu::{Accelerator, KERNEL_LINE};
use crate::step::Step;
use crate::{Layout, swarm};

/// Raised when the Swarm that is built below changes.
const RECIPE: &str = "1";
/// The Swarm's certificates live 90 days and are renewed long before.
const LIFE: Duration = Duration::from_hours(480);

/// A Swarm on disk.
#[derive(Clone, Debug)]
pub struct Snapshot {
    folder: PathBuf,
}

/// What a file was when it was saved: a change since then is damage.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Print {
    name: String,
    bytes: u64,
    modified: (i64, i64),
}

/// What it takes to build or find one.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Where everything is.
    pub folders: &'a Folders,
    /// One VM or two.
    pub layout: Layout,
    /// What they boot.
    pub image: &'a Image,
    /// How their processors are provided.
    pub accelerator: Accelerator,
    /// The QEMU that made it is the only one that surely reads it.
    pub qemu_version: &'a str,
}

impl Wanted<'_> {
    fn folder(&self) -> Result<PathBuf> {
        let roles = self.layout.roles();
        let memory: Vec<String> = roles.iter().map(|role| role.memory().to_string()).collect();
        let image = self.image.key();
        let parts = [
            RECIPE,
            self.qemu_version,
            KERNEL_LINE,
            &image,
            self.layout.name(),
        ]
        .into_iter()
        .chain(self.accelerator.options())
        .chain(memory.iter().map(String::as_str))
        .chain([
            include_str!("swarm.rs"),
            include_str!("services.rs"),
            include_str!("qemu.rs"),
        ]);
        let name = format!("{}-{}", self.prefix(), folders::key(parts));
        Ok(self.folders.folder("snapshots")?.join(name))
    }

    fn prefix(&self) -> String {
        let Manifest { kernel, debian, .. } = &self.image.manifest;
        format!("{}-{kernel}-debian{debian}", self.layout.name())
    }

    /// The snapshot, if there is one that is whole and not too old.
    ///
    /// # Errors
    /// Errors if the folder cannot be made.
    pub fn find(&self) -> Result<Option<Snapshot>> {
        let snapshot = Snapshot {
            folder: self.folder()?,
        };
        if !snapshot.folder.exists() {
            return Ok(None);
        }
        match snapshot.check(self.layout) {
            Ok(()) => Ok(Some(snapshot)),
            Err(error) => {
                eprintln!("  the saved Swarm is of no use, building it anew: {error:#}");
                Ok(None)
            }
        }
    }

    /// Boots, makes the Swarm and saves it, unless somebody else just did.
    ///
    /// # Errors
    /// Errors if any of that fails.
    pub fn build(&self) -> Result<Snapshot> {
        let _lock = lock::take(&self.folders.path("snapshot.lock"), "building the Swarm")?;
        if let Some(snapshot) = self.find()? {
            return Ok(snapshot);
        }
        let folder = self.folder()?;
        folders::remove(&folder)?;
        let made = match self.build_anew() {
            Ok(made) => made,
            Err(error) => {
                // Docker's own time limits can be too short for a busy machine.
                eprintln!("  the Swarm did not come up, trying once more: {error:#}");
                self.build_anew()?
            }
        };
        fs::rename(&made, &folder)
            .with_context(|| format!("cannot move the snapshot to {}", folder.display()))?;
        self.remove_older(&folder)?;
        Ok(Snapshot { folder })
    }

    fn build_anew(&self) -> Result<PathBuf> {
        process::end_leftovers(&self.folders.path("snapshot.made"))?;
        let made = self.folders.fresh_folder("snapshot.made")?;
        let done = self.build_in(&made);
        if done.is_err() {
            let _ = folders::remove(&made);
        }
        done.map(|()| made)
    }

    fn build_in(&self, folder: &Path) -> Result<()> {
        let remark = self.accelerator.remark();
        let kernel = &self.image.manifest.kernel;
        let step = Step::start(format!("booting kernel {kernel} ({remark})"));
        let machines = Machines::boot(folder, self.layout, self.image, self.accelerator)?;
        step.done();
        let saved = swarm::bring_up(&machines).and_then(|()| {
            let step = Step::start("saving the running Swarm");
            machines.save(folder)?;
            step.done();
            Ok(())
        });
        let saved = saved.map_err(|error| {
            anyhow::anyhow!(
                "{error:#}\nstate of the nodes:\n{}",
                swarm::symptoms(&machines)
            )
        });
        machines.stop()?;
        saved.map_err(|error| machines.with_consoles(error))?;
        let prints = prints(folder, self.layout)?;
        fs::write(
            folder.join("prints.json"),
            serde_json::to_vec_pretty(&prints)?,
        )?;
        Ok(())
    }

    fn remove_older(&self, current: &Path) -> Result<()> {
        let start = format!("{}-", self.prefix());
        for entry in fs::read_dir(self.folders.folder("snapshots")?)?.flatten() {
            let ours = entry.file_name().to_string_lossy().starts_with(&start);
            if ours && entry.path() != current {
                folders::remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

impl Snapshot {
    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes it, because it does not work.
    ///
    /// # Errors
    /// Errors if it stays.
    pub fn discard(&self) -> Result<()> {
        folders::remove(&self.folder)
    }

    fn check(&self, layout: Layout) -> Result<()> {
        let file = self.folder.join("prints.json");
        let then = fs::read(&file).context("it is incomplete")?;
        let then: Vec<Print> = serde_json::from_slice(&then).context("it is damaged")?;
        anyhow::ensure!(
            prints(&self.folder, layout)? == then,
            "its files have changed"
        );
        let age = SystemTime::now().duration_since(fs::metadata(&file)?.modified()?);
        anyhow::ensure!(
            age.unwrap_or_default() < LIFE,
            "its certificates are too old"
        );
        Ok(())
    }
}

fn prints(folder: &Path, layout: Layout) -> Result<Vec<Print>> {
    let names = layout.roles().iter().flat_map(|role| saved_files(*role));
    names
        .map(|name| {
            let meta = fs::metadata(folder.join(&name)).with_context(|| format!("no {name}"))?;
            Ok(Print {
                name,
                bytes: meta.len(),
                modified: (meta.mtime(), meta.mtime_nsec()),
            })
        })
        .collect()
}
