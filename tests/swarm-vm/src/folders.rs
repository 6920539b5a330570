//! Where everything of the VM lives: under `target/vm`, or in the folder that
//! `SWARMTRACE_VM_DIR` names.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use swarmtrace_programs as programs;

/// The folders of the VM's files.
#[derive(Clone, Debug)]
pub struct Folders {
    root: PathBuf,
}

impl Folders {
    /// Finds the folder and makes it.
    ///
    /// # Errors
    /// Errors if it cannot be made.
    pub fn open() -> Result<Self> {
        let root = match std::env::var_os("SWARMTRACE_VM_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => programs::target_folder().join("vm"),
        };
        Self::at(root)
    }

    /// Uses this folder and makes it.
    ///
    /// # Errors
    /// Errors if it cannot be made.
    pub fn at(root: PathBuf) -> Result<Self> {
        fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
        let root = root.canonicalize()?;
        Ok(Self { root })
    }

    /// A file or folder directly inside.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A folder inside, made if it is not there.
    ///
    /// # Errors
    /// Errors if it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// An empty folder inside, for something under construction.
    ///
    /// # Errors
    /// Errors if what is there cannot be removed or the folder cannot be made.
    pub fn fresh_folder(&self, name: &str) -> Result<PathBuf> {
        remove(&self.root.join(name))?;
        self.folder(name)
    }
}

/// Removes a file or a folder with all in it; that it is not there is fine.
///
/// # Errors
/// Errors if it is there and stays.
pub fn remove(path: &Path) -> Result<()> {
    let done = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match done {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// A short name for everything that shaped something: equal parts, equal name.
pub fn key<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_tells_apart_where_one_part_ends() {
        assert_eq!(key(["ab", "c"]), key(["ab", "c"]));
        assert_ne!(key(["ab", "c"]), key(["a", "bc"]));
        assert_eq!(key(["x"]).len(), 16);
    }
}
