//! Work inside other network namespaces.
//!
//! `setns` changes the namespace of one thread. So whoever needs to act in a
//! namespace does it on a thread of its own, which visits the namespaces one by
//! one and ends; no other thread ever sees a foreign namespace.

use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Moves the calling thread into a namespace, after making sure that the file
/// is that namespace: paths and process ids are reused.
///
/// # Errors
/// `NotFound` where the path is gone or leads to another namespace; else the
/// system's.
pub fn enter(path: &Path, inode: u32) -> io::Result<()> {
    let file = File::open(path)?;
    if file.metadata()?.ino() != u64::from(inode) {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the path leads to another namespace by now",
        ));
    }
    setns(file, CloneFlags::CLONE_NEWNET)?;
    Ok(())
}

/// Runs a task on a thread that may [`enter`] namespaces.
///
/// # Errors
/// Where no thread could be started or the task panicked.
pub fn on_thread<T: Send>(task: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name(String::from("netns"))
            .spawn_scoped(scope, task)?
            .join()
            .map_err(|_| io::Error::other("the namespace thread panicked"))
    })
}

/// Name of a device in the calling thread's namespace.
///
/// # Errors
/// `NotFound` where there is no such device.
pub fn device_name(ifindex: u32) -> io::Result<String> {
    let gone = || io::Error::new(io::ErrorKind::NotFound, "the device is gone");
    let name = nix::net::if_::if_indextoname(ifindex).map_err(|_| gone())?;
    name.into_string().map_err(|_| gone())
}
