//! The kernel's half of a snapshot: every namespace with its devices and IPVS
//! services.
//!
//! It takes milliseconds, so taps are kept current with it alone: a few
//! threads walk from namespace to namespace, each is read in one go. A
//! namespace that disappears meanwhile is left out, which is the truth by
//! then; anything else that fails becomes a gap.

use super::{Namespace, NamespaceKind, discover, ipvs, links};
use crate::sys::netns::{self, Netns, NetnsError, OWN, Visitor};
use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads that walk the namespaces: the work is mostly the kernel's, and on a
/// busy node it must not take every core.
const THREADS: usize = 4;

/// The kernel's half of a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    /// Inode of the node's own namespace.
    pub host_namespace: u32,
    /// Every namespace, the host's first; all but the host's still
    /// [`NamespaceKind::Other`] and named after their file.
    pub namespaces: Vec<Namespace>,
    /// What could not be read.
    pub gaps: Vec<String>,
}

/// Reads every namespace found in those directories and files.
///
/// Blocks for some milliseconds: within async code use `spawn_blocking`.
///
/// # Errors
/// Errors where swarmtrace may not enter namespaces.
pub fn read(directories: &[PathBuf], files: &[PathBuf]) -> Result<Kernel, NetnsError> {
    let found = discover::discover(directories, files)?;
    let all = found.namespaces;
    let host_namespace = all.first().map_or(0, Netns::inode);
    // Tells missing rights apart from a namespace that is being torn down.
    if let Some(own) = all.first() {
        own.run(|| ())?;
    }

    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(all.len()));
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let walk = |visitor: &Visitor| {
        while let Some(namespace) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let read = |()| (links::read(&all), ipvs::read());
            let result = visitor.enter(namespace).map(read);
            let mut results = results
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            results.push((namespace.inode(), result));
        }
    };
    std::thread::scope(|scope| {
        for started in 0..threads.min(THREADS).min(all.len()) {
            match netns::spawn(scope, walk) {
                Ok(_) => {}
                // Those that were started read every namespace.
                Err(_) if started > 0 => break,
                Err(source) => {
                    let path = PathBuf::from(OWN);
                    return Err(NetnsError::Enter { path, source });
                }
            }
        }
        Ok(())
    })?;
    let mut results: BTreeMap<u32, _> = (results.into_inner())
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .into_iter()
        .collect();

    let mut kernel = Kernel {
        host_namespace,
        gaps: found.gaps,
        ..Kernel::default()
    };
    let mut pairs = BTreeMap::new();
    for namespace in &all {
        let inode = namespace.inode();
        let host = inode == host_namespace;
        let name = if host {
            "host".to_owned()
        } else {
            namespace.file_name()
        };
        let (links, ipvs) = match results.remove(&inode) {
            Some(Ok(read)) => read,
            Some(Err(error)) => {
                kernel.gaps.push(format!("namespace {error}"));
                continue;
            }
            None => continue,
        };
        let links = links.unwrap_or_else(|error| {
            (kernel.gaps).push(format!("devices of namespace {name}: {error}"));
            links::Links::default()
        });
        let ipvs = ipvs.unwrap_or_else(|error| {
            (kernel.gaps).push(format!("IPVS table of namespace {name}: {error}"));
            Vec::new()
        });
        let gaps = links.gaps.iter();
        (kernel.gaps).extend(gaps.map(|gap| format!("namespace {name}: {gap}")));
        pairs.insert(inode, links.pairs);
        kernel.namespaces.push(Namespace {
            inode,
            kind: if host {
                NamespaceKind::Host
            } else {
                NamespaceKind::Other
            },
            name,
            path: namespace.path().to_owned(),
            devices: links.devices,
            ipvs,
            neighbours: links.neighbours,
            fdb: links.fdb,
        });
    }
    links::resolve_peers(&mut kernel.namespaces, &pairs);
    Ok(kernel)
}
