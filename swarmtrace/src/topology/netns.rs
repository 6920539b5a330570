//! Network namespaces: finding them, holding them, running code inside them.
//!
//! The kernel names a namespace only by the inode of an nsfs file, so that is
//! its identity here; paths are merely ways to open it. A namespace belongs to
//! a *thread*: [`Netns::run`] enters it on a thread of its own that ends
//! afterwards, so no other code of the program ever runs in the wrong one. A
//! socket or file opened inside stays in that namespace and may be handed out.
//!
//! An open [`Netns`] (like any socket made inside) keeps the namespace alive
//! after Docker has removed it: hold one for as long as needed, not longer.
//!
//! Relied on: setns(2), namespaces(7), ioctl_ns(2); Docker bind-mounts its
//! sandboxes in `<exec-root>/netns` (moby, libnetwork/osl/namespace_linux.go:
//! `createNetworkNamespace` first creates the file, then mounts).

use nix::sched::{CloneFlags, setns};
use nix::sys::statfs::{FsType, fstatfs};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where Docker keeps its sandboxes, unless its exec-root was moved.
pub const DOCKER_NETNS: &str = "/var/run/docker/netns";

/// The namespace of the process' first thread: the node's own, as swarmtrace
/// is started in it.
pub const OWN: &str = "/proc/self/ns/net";

/// `NSFS_MAGIC` of linux/magic.h.
const NSFS: FsType = FsType(0x6e73_6673);

/// Why a namespace could not be opened or entered.
#[derive(Debug, thiserror::Error)]
pub enum NetnsError {
    /// The file is not there or may not be opened.
    #[error("{}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file is not a namespace: Docker has created it but not mounted it
    /// yet, or it is a leftover of an unmounted one.
    #[error("{}: nothing is mounted on it", path.display())]
    NotMounted {
        /// The file.
        path: PathBuf,
    },
    /// Entering needs CAP_SYS_ADMIN.
    #[error("not permitted to enter a network namespace")]
    NotPermitted,
    /// setns failed for another reason, or no thread could be started.
    #[error("{}: cannot be entered: {source}", path.display())]
    Enter {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

/// An open network namespace.
#[derive(Debug)]
pub struct Netns {
    file: File,
    path: PathBuf,
    inode: u32,
}

impl Netns {
    /// Opens the namespace behind that file.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, NetnsError> {
        let path = path.into();
        let failed = |source| NetnsError::Open {
            path: path.clone(),
            source,
        };
        let file = File::open(&path).map_err(failed)?;
        let kind = fstatfs(&file).map_err(|e| failed(e.into()))?;
        if kind.filesystem_type() != NSFS {
            return Err(NetnsError::NotMounted { path });
        }
        let inode = file.metadata().map_err(failed)?.ino();
        // ns_common.inum is an unsigned int.
        let inode = u32::try_from(inode).map_err(|e| failed(io::Error::other(e)))?;
        Ok(Self { file, path, inode })
    }

    /// The namespace swarmtrace was started in.
    pub fn own() -> Result<Self, NetnsError> {
        Self::open(OWN)
    }

    /// Its identity.
    pub fn inode(&self) -> u32 {
        self.inode
    }

    /// The file that opened it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's name: `ingress_sbox`, `1-f0l1ik19u8`.
    pub fn file_name(&self) -> String {
        self.path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// Runs `f` inside, on a thread of its own, and waits for it.
    ///
    /// Blocks the caller; within async code use `spawn_blocking`. The mount
    /// namespace stays the caller's: `/proc/thread-self/net` is the entered
    /// namespace's there, `/sys/class/net` is not.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T, NetnsError> {
        std::thread::scope(|scope| {
            std::thread::Builder::new()
                .name(format!("netns-{}", self.inode))
                .spawn_scoped(scope, || {
                    self.enter()?;
                    Ok(f())
                })
                .map_err(|source| self.failed(source))?
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Moves the calling thread into it, for good: for threads that do nothing
    /// else and end soon.
    pub(super) fn enter(&self) -> Result<(), NetnsError> {
        setns(&self.file, CloneFlags::CLONE_NEWNET).map_err(|error| match error {
            nix::Error::EPERM => NetnsError::NotPermitted,
            error => self.failed(error.into()),
        })
    }

    fn failed(&self, source: io::Error) -> NetnsError {
        NetnsError::Enter {
            path: self.path.clone(),
            source,
        }
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Opens the namespace behind `path` and runs `f` inside: see [`Netns::run`].
pub fn in_namespace<T: Send>(
    path: impl Into<PathBuf>,
    f: impl FnOnce() -> T + Send,
) -> Result<T, NetnsError> {
    Netns::open(path)?.run(f)
}

/// Every namespace found, each once, the own one first.
#[derive(Debug)]
pub struct Found {
    /// Open namespaces.
    pub namespaces: Vec<Netns>,
    /// What is there but could not be opened, a line each.
    pub gaps: Vec<String>,
}

/// Looks for namespaces: the own one, those in the directories, and `more`
/// files (containers' `/proc/<pid>/ns/net`).
///
/// A namespace with several names is listed once, under the first: in host
/// mode Docker's `1-…` files are the host's namespace itself. A file that is
/// gone, or on which nothing is mounted, is no gap: it is a namespace that is
/// being made or torn down.
pub fn discover(directories: &[PathBuf], more: &[PathBuf]) -> Result<Found, NetnsError> {
    let own = Netns::own()?;
    let mut found = BTreeMap::from([(own.inode(), (0, own))]);
    let mut gaps = Vec::new();
    let mut files = Vec::new();
    for directory in directories {
        match names(directory) {
            Ok(names) => files.extend(names),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => gaps.push(format!("{}: {error}", directory.display())),
        }
    }
    files.extend_from_slice(more);
    for path in files {
        match Netns::open(&path) {
            Ok(namespace) => {
                let order = found.len();
                found.entry(namespace.inode()).or_insert((order, namespace));
            }
            Err(NetnsError::NotMounted { .. }) => {}
            Err(NetnsError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => gaps.push(format!("namespace {error}")),
        }
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|(order, _)| *order);
    Ok(Found {
        namespaces: found.into_iter().map(|(_, namespace)| namespace).collect(),
        gaps,
    })
}

/// The files of a namespace directory by name; `default` is the host's own.
pub(super) fn names(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name() != "default" {
            names.push(entry.path());
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_namespace_opens() {
        let own = Netns::own().unwrap();
        assert_eq!(own.inode() as u64, std::fs::metadata(OWN).unwrap().ino());
    }

    #[test]
    fn an_ordinary_file_is_not_a_namespace() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(
            Netns::open(file.path()),
            Err(NetnsError::NotMounted { .. })
        ));
    }

    #[test]
    fn files_that_are_no_namespace_are_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("8ce9af88d95a"), "").unwrap();
        std::fs::write(directory.path().join("default"), "").unwrap();
        let found = discover(
            &[directory.path().into(), "/nonexistent/netns".into()],
            &[OWN.into(), "/proc/0/ns/net".into()],
        )
        .unwrap();
        assert_eq!(found.namespaces.len(), 1);
        assert_eq!(found.gaps, Vec::<String>::new());
    }
}
