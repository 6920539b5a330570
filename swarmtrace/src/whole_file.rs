//! Files that are there as a whole or not at all: written beside their place under
//! another name, then put there in one step.

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that is being made. Dropped, it leaves what was there before.
#[derive(Debug)]
pub struct WholeFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl WholeFile {
    /// Begins one, readable by everybody.
    ///
    /// # Errors
    /// The folder is not there, or cannot be written to.
    pub fn begin(path: &Path) -> io::Result<Self> {
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

    /// Puts it in its place with that content.
    ///
    /// # Errors
    /// The disk is full, or the place is a folder.
    pub fn finish(mut self, content: &[u8]) -> io::Result<()> {
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
    fn it_is_there_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.xml");
        let begun = WholeFile::begin(&path).unwrap();
        assert!(!path.exists());
        begun.finish(b"first").unwrap();
        drop(WholeFile::begin(&path).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(WholeFile::begin(&folder.path().join("no/folder")).is_err());
    }
}
