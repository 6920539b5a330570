//! A record of the filters that a run adds, written before they are added.
//!
//! Only classic tc filters outlive their process. Before one is added, a file
//! in the run directory (`/run/swarmtrace`) records which device of which
//! namespace gets it, under which handle, and whether the clsact qdisc is
//! swarmtrace's own. Beside it is a lock file that the process holds locked:
//! the kernel releases the lock however the process ends, and, unlike a process id,
//! a lock means the same in every container. A journal whose lock is free lists what
//! [`super::cleanup()`] removes; one whose lock is held is a live swarmtrace's and is
//! left alone.

use crate::topology::DeviceRef;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where journals are kept.
pub const RUN_DIR: &str = "/run/swarmtrace";

/// A device with filters on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Inode of the network namespace.
    pub netns_inode: u32,
    /// A file that opened it when the entry was written.
    pub netns_path: PathBuf,
    /// The device's index.
    pub ifindex: u32,
    /// Whether clsact may be removed when nobody else uses it.
    pub added_clsact: bool,
}

impl Entry {
    /// The device.
    pub fn at(&self) -> DeviceRef {
        DeviceRef {
            namespace: self.netns_inode,
            ifindex: self.ifindex,
        }
    }
}

/// The journal file's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Process id, for whoever reads the file.
    pub pid: u32,
    /// Handle of all its filters, which no other run has.
    pub handle: u32,
    /// The devices that have them.
    pub entries: Vec<Entry>,
}

impl Record {
    /// Its entry for a device.
    pub fn entry(&self, at: DeviceRef) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.at() == at)
    }
}

/// This run's own journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    lock: Option<File>,
    /// Its content.
    pub record: Record,
}

impl Journal {
    /// A journal without entries; its files appear with the first.
    pub fn new(directory: &Path) -> Self {
        // One process may hold several captures.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let pid = std::process::id();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_nanos());
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // FNV-1a of what no other run shares, in the range the kernel takes.
        let mut handle = 0x811c_9dc5_u32;
        for byte in (u128::from(pid) << 96 ^ u128::from(number) << 64 ^ now).to_le_bytes() {
            handle = (handle ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
        Self {
            path: directory.join(format!("{handle:08x}.json")),
            lock: None,
            record: Record {
                pid,
                handle: handle & 0x7fff_ffff | 1,
                entries: Vec::new(),
            },
        }
    }

    /// Writes the files, or removes them when there are no entries.
    ///
    /// # Errors
    /// Errors if the run directory is not writable.
    pub fn save(&mut self) -> io::Result<()> {
        if self.record.entries.is_empty() {
            if self.lock.take().is_some() {
                remove(&self.path)?;
            }
            return Ok(());
        }
        if self.lock.is_none() {
            if let Some(directory) = self.path.parent() {
                fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(directory)?;
            }
            let lock = File::create(self.path.with_extension("lock"))?;
            lock.lock()?;
            self.lock = Some(lock);
        }
        let draft = self.path.with_extension("new");
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec(&self.record)?)?;
        fs::rename(draft, &self.path)
    }
}

/// Another run's journal.
#[derive(Debug)]
pub struct Found {
    path: PathBuf,
    /// Its content.
    pub record: Record,
    /// The lock, if it was free: the run is dead, and as long as the lock is held
    /// nobody else cleans up after it.
    lock: Option<File>,
}

impl Found {
    /// Whether its process still runs.
    pub fn is_live(&self) -> bool {
        self.lock.is_none()
    }

    /// Removes a dead run's files.
    ///
    /// # Errors
    /// Errors if the run directory is not writable.
    pub fn remove(self) -> io::Result<()> {
        if self.is_live() {
            return Ok(());
        }
        remove(&self.path)
    }
}

/// Every readable journal in a directory.
pub fn found(directory: &Path) -> Vec<Found> {
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    files
        .map(|file| file.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .filter_map(|path| {
            let lock = match File::create(path.with_extension("lock")) {
                Ok(lock) => match lock.try_lock() {
                    Ok(()) => Some(lock),
                    Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
                },
                Err(_) => None,
            };
            let record = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
            Some(Found { path, record, lock })
        })
        .collect()
}

fn remove(path: &Path) -> io::Result<()> {
    for path in [path, &path.with_extension("lock")] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(ifindex: u32) -> Entry {
        Entry {
            netns_inode: 4_026_531_840,
            netns_path: PathBuf::from("/proc/self/ns/net"),
            ifindex,
            added_clsact: true,
        }
    }

    #[test]
    fn a_journal_is_live_while_held_and_dead_after() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("run");
        let mut journal = Journal::new(&directory);
        journal.record.entries.push(entry(7));
        journal.save().unwrap();

        let mut seen = found(&directory);
        assert_eq!(seen.len(), 1);
        assert!(seen[0].is_live());
        assert_eq!(seen[0].record, journal.record);
        assert!(seen[0].record.entry(entry(7).at()).is_some());
        assert!(seen[0].record.entry(entry(8).at()).is_none());
        seen.remove(0).remove().unwrap();
        assert_eq!(
            found(&directory).len(),
            1,
            "a live journal is never removed"
        );

        drop(journal);
        let mut seen = found(&directory);
        assert!(!seen[0].is_live());
        assert!(found(&directory)[0].is_live(), "one cleans up, not two");
        seen.remove(0).remove().unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    }

    #[test]
    fn an_empty_journal_leaves_no_files() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(folder.path());
        journal.save().unwrap();
        journal.record.entries.push(entry(7));
        journal.save().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        journal.record.entries.clear();
        journal.save().unwrap();
        journal.save().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn two_captures_of_one_process_have_two_handles() {
        let (first, second) = (
            Journal::new(Path::new("/nowhere")),
            Journal::new(Path::new("/nowhere")),
        );
        assert_ne!(first.record.handle, second.record.handle);
        assert_ne!(first.path, second.path);
    }
}
