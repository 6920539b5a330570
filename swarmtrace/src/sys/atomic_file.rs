//! Files that are replaced atomically: a reader sees the old content or the new
//! one, never a part of it.
//!
//! Relied on: rename(2) replaces an existing file in one step within a file system.

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file under construction: a temporary file in the target's folder. If it is
/// dropped unfinished, the temporary file is removed and the target keeps its content.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl AtomicFile {
    /// Creates the temporary file, with mode 0644.
    ///
    /// # Errors
    /// Errors if the target's folder does not exist or is not writable.
    pub fn create(path: &Path) -> io::Result<Self> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let file = tempfile::Builder::new()
            .prefix(".swarmtrace-")
            .permissions(std::fs::Permissions::from_mode(0o644))
            .tempfile_in(folder)?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Writes the content, syncs it to disk and renames the file to its target.
    ///
    /// # Errors
    /// Errors if the disk is full or the target is a folder.
    pub fn commit(mut self, content: &[u8]) -> io::Result<()> {
        self.file.write_all(content)?;
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.xml");
        let file = AtomicFile::create(&path).unwrap();
        assert!(!path.exists());
        file.commit(b"first").unwrap();
        drop(AtomicFile::create(&path).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(AtomicFile::create(&folder.path().join("no/folder")).is_err());
    }
}
