//! Network namespaces: opening them, and running code inside them.
//!
//! The kernel identifies a namespace by the inode of an nsfs file; paths are merely
//! ways to open it, and are reused. A namespace belongs to a *thread*: only threads
//! that were started for it enter one ([`Netns::run`], [`on_thread`], [`spawn`]) and
//! they end afterwards, so no other code ever runs in the wrong namespace. A socket or
//! file that was opened inside stays in that namespace and may be handed out.
//!
//! An open [`Netns`] (like any socket opened inside) keeps the namespace alive after
//! Docker has removed it: hold one for as long as needed, not longer.
//!
//! Relied on: setns(2), namespaces(7), `ioctl_ns(2)`.

use nix::sched::{CloneFlags, setns};
use nix::sys::statfs::{FsType, fstatfs};
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::{Scope, ScopedJoinHandle};

/// The namespace of the process' first thread: the node's own, as swarmtrace
/// is started in it.
pub const OWN: &str = "/proc/self/ns/net";

/// `NSFS_MAGIC` of linux/magic.h.
const NSFS: FsType = FsType(0x6e73_6673);

/// Why a namespace could not be opened or entered.
#[derive(Debug, thiserror::Error)]
pub enum NetnsError {
    /// The file does not exist or may not be opened.
    #[error("{}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The kernel's error.
        source: io::Error,
    },
    /// The file is not a namespace: Docker has created it but not mounted the
    /// namespace on it yet, or has unmounted it.
    #[error("{}: nothing is mounted on it", path.display())]
    NotMounted {
        /// The file.
        path: PathBuf,
    },
    /// The file is another namespace by now: paths and process ids are reused.
    #[error("{}: it is another namespace by now", path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// Entering needs `CAP_SYS_ADMIN`.
    #[error("not permitted to enter a network namespace")]
    NotPermitted,
    /// setns(2) failed for another reason, or no thread could be started.
    #[error("{}: cannot be entered: {source}", path.display())]
    Enter {
        /// The file.
        path: PathBuf,
        /// The kernel's error.
        source: io::Error,
    },
}

impl NetnsError {
    /// Whether the namespace no longer exists under that path.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::NotMounted { .. } | Self::Replaced { .. } => true,
            Self::Open { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::NotPermitted | Self::Enter { .. } => false,
        }
    }
}

impl From<NetnsError> for io::Error {
    fn from(error: NetnsError) -> Self {
        let kind = match &error {
            _ if error.is_gone() => io::ErrorKind::NotFound,
            NetnsError::Open { source, .. } | NetnsError::Enter { source, .. } => source.kind(),
            NetnsError::NotPermitted => io::ErrorKind::PermissionDenied,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
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
    ///
    /// # Errors
    /// Errors if the file does not exist, may not be opened or is no namespace.
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

    /// Opens the namespace behind that file, if it is the one with that inode.
    ///
    /// # Errors
    /// [`NetnsError::Replaced`] if it is another one; else as [`Netns::open`].
    pub fn open_known(path: impl Into<PathBuf>, inode: u32) -> Result<Self, NetnsError> {
        let namespace = Self::open(path)?;
        match namespace.inode == inode {
            true => Ok(namespace),
            false => Err(NetnsError::Replaced {
                path: namespace.path,
            }),
        }
    }

    /// Opens the namespace that swarmtrace was started in.
    ///
    /// # Errors
    /// Errors if /proc is not mounted.
    pub fn own() -> Result<Self, NetnsError> {
        Self::open(OWN)
    }

    /// The inode, which identifies it.
    pub fn inode(&self) -> u32 {
        self.inode
    }

    /// The file that it was opened by.
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
    ///
    /// # Errors
    /// Errors if no thread can be started or the namespace cannot be entered.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T, NetnsError> {
        let run = on_thread(|visitor| {
            visitor.enter(self)?;
            Ok(f())
        });
        run.map_err(|source| self.failed(source))?
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

/// The calling thread's permission to change its namespace: only the threads that
/// [`on_thread`] and [`spawn`] start have one, and it cannot leave its thread.
#[derive(Debug)]
pub struct Visitor(PhantomData<*const ()>);

impl Visitor {
    /// Moves the calling thread into the namespace.
    ///
    /// # Errors
    /// [`NetnsError::NotPermitted`] without `CAP_SYS_ADMIN`; [`NetnsError::Enter`] for
    /// every other error of setns(2).
    pub fn enter(&self, namespace: &Netns) -> Result<(), NetnsError> {
        setns(&namespace.file, CloneFlags::CLONE_NEWNET).map_err(|error| match error {
            nix::Error::EPERM => NetnsError::NotPermitted,
            error => namespace.failed(error.into()),
        })
    }
}

/// Starts a thread that visits namespaces one by one.
///
/// # Errors
/// Errors if no thread can be started.
pub fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    task: impl FnOnce(&Visitor) -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    std::thread::Builder::new()
        .name("netns".to_owned())
        .spawn_scoped(scope, || task(&Visitor(PhantomData)))
}

/// Runs a task on a thread that visits namespaces, and waits for it. A panic of the
/// task continues in the caller.
///
/// # Errors
/// Errors if no thread can be started.
pub fn on_thread<T: Send>(task: impl FnOnce(&Visitor) -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let joined = spawn(scope, task)?.join();
        Ok(joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// The name of a device in the calling thread's namespace.
///
/// # Errors
/// `NotFound` if there is no such device.
pub fn device_name(ifindex: u32) -> io::Result<String> {
    let gone = || io::Error::new(io::ErrorKind::NotFound, "the device is gone");
    let name = nix::net::if_::if_indextoname(ifindex).map_err(|_| gone())?;
    // Relied on: nix 0.31 returns an empty name for an index that no device has.
    let name = name.into_string().map_err(|_| gone())?;
    if name.is_empty() {
        Err(gone())
    } else {
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_namespace_opens() {
        let own = Netns::own().unwrap();
        assert_eq!(
            u64::from(own.inode()),
            std::fs::metadata(OWN).unwrap().ino()
        );
        assert!(Netns::open_known(OWN, own.inode()).is_ok());
    }

    #[test]
    fn a_namespace_that_was_replaced_is_gone() {
        let error = Netns::open_known(OWN, 1).unwrap_err();
        assert!(error.is_gone(), "{error}");
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotFound);
        assert!(Netns::open("/proc/0/ns/net").unwrap_err().is_gone());
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
    fn devices_have_names() {
        assert_eq!(device_name(1).unwrap(), "lo");
        assert_eq!(
            device_name(0x7fff_ffff).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
