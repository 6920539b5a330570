//! Discovery of the network namespaces on this node.
//!
//! Relied on: Docker bind-mounts its sandboxes in `<exec-root>/netns` (moby,
//! `libnetwork/osl/namespace_linux.go`: `createNetworkNamespace` first creates the file,
//! then mounts).

use crate::sys::netns::{Netns, NetnsError};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Where Docker keeps its sandboxes, unless its exec-root was moved.
pub const DOCKER_NETNS: &str = "/var/run/docker/netns";

/// The namespaces of this node, each once, the node's own one first.
#[derive(Debug)]
pub struct Found {
    /// Open namespaces.
    pub namespaces: Vec<Netns>,
    /// Namespaces that could not be opened, a line each.
    pub gaps: Vec<String>,
}

/// Opens the own namespace, those in the directories, and `more` files (containers'
/// `/proc/<pid>/ns/net`).
///
/// A namespace with several names is listed once, under the first: in host mode
/// Docker's `1-…` files are the host's namespace itself. A file that is gone, or on
/// which nothing is mounted, is no gap: its namespace is being created or removed.
///
/// # Errors
/// Errors if the own namespace cannot be opened.
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
            Err(error) if error.is_gone() => {}
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

/// The files of a namespace directory, sorted by name; without `default`, the host's
/// own.
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
    use crate::sys::netns::OWN;

    #[test]
    fn files_that_are_no_namespace_are_skipped() {
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
