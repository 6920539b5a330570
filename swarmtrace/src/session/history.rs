//! The node as it was a moment ago.
//!
//! A flow becomes a timeline some time after its last packet, and by then its
//! container may be gone and with it every name on its path. Snapshots that knew a
//! namespace which their successor does not are therefore kept for a while.

use crate::sys::clock::{Mono, Nanos};
use crate::topology::Topology;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// How long a snapshot is kept: longer than a flow waits to be judged.
const KEPT: Nanos = Nanos::from_secs(60);
/// Most snapshots that are kept.
const MOST: usize = 16;

/// Earlier snapshots, the newest last.
#[derive(Debug, Default)]
pub struct History {
    snapshots: VecDeque<(Mono, Arc<Topology>)>,
}

impl History {
    /// Keeps a snapshot that another has replaced, if it knew more.
    pub fn keep(&mut self, before: Arc<Topology>, newest: &Topology, now: Mono) {
        let gone = |n: &u32| newest.namespace(*n).is_none();
        if before.namespaces.iter().map(|n| &n.inode).any(gone) {
            self.snapshots.push_back((now, before));
        }
        while self.snapshots.len() > MOST
            || (self.snapshots.front()).is_some_and(|(time, _)| now.since(*time) > KEPT)
        {
            self.snapshots.pop_front();
        }
    }

    /// The newest snapshot that knows the most of those namespaces.
    pub fn when<'a>(&'a self, newest: &'a Topology, namespaces: &BTreeSet<u32>) -> &'a Topology {
        let known = |t: &Topology| {
            let of_these = namespaces.iter().filter(|n| t.namespace(**n).is_some());
            of_these.count()
        };
        let mut best = (known(newest), newest);
        for (_, older) in self.snapshots.iter().rev() {
            if best.0 == namespaces.len() {
                break;
            }
            let count = known(older);
            if count > best.0 {
                best = (count, older);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Namespace, NamespaceKind};

    fn node(inodes: &[u32]) -> Arc<Topology> {
        let namespace = |inode: &u32| Namespace {
            inode: *inode,
            kind: NamespaceKind::Other,
            name: String::new(),
            path: "/".into(),
            devices: Vec::new(),
            ipvs: Vec::new(),
            neighbours: Vec::new(),
            fdb: Vec::new(),
        };
        Arc::new(Topology {
            namespaces: inodes.iter().map(namespace).collect(),
            ..Topology::default()
        })
    }

    #[test]
    fn a_flow_gets_the_names_of_its_time() {
        let (first, second, third) = (node(&[1, 2]), node(&[1]), node(&[1, 3]));
        let mut history = History::default();
        history.keep(Arc::clone(&first), &second, Mono::from_ns(10));
        history.keep(Arc::clone(&second), &third, Mono::from_ns(20));
        let at = |namespaces: &[u32]| {
            let found = history.when(&third, &namespaces.iter().copied().collect());
            found.namespaces.iter().map(|n| n.inode).collect::<Vec<_>>()
        };
        assert_eq!(at(&[1, 2]), [1, 2], "what has gone since");
        assert_eq!(at(&[1]), [1, 3], "the newest where nothing has gone");
        assert_eq!(at(&[3]), [1, 3]);
        assert_eq!(at(&[9]), [1, 3], "nobody knows it");
        assert_eq!(
            history.snapshots.len(),
            1,
            "the second knew no more than the third"
        );
        history.keep(Arc::clone(&third), &third, Mono::from_ns(20) + KEPT);
        assert!(history.snapshots.is_empty());
    }
}
