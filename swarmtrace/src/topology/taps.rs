//! Which devices to tap, so that every hop of the Swarm's data path is seen:
//! those whose [`Role`](super::Role) is tapped.
//!
//! A device of an overlay or container is listed even while it is down: a tap
//! should be in place before the first packet.

use super::role::role;
use super::{DeviceKind, DeviceRef, Topology};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A device to tap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Inode of the network namespace: [`Namespace::inode`](super::Namespace::inode).
    pub namespace: u32,
    /// A file that opens the namespace.
    pub path: PathBuf,
    /// Index of the device within its namespace.
    pub ifindex: u32,
    /// Name of the device within its namespace.
    pub device: String,
    /// Whether its frames begin with an Ethernet header.
    pub ethernet: bool,
}

impl Site {
    /// The device it stands for.
    pub fn at(&self) -> DeviceRef {
        DeviceRef {
            namespace: self.namespace,
            ifindex: self.ifindex,
        }
    }
}

/// Which overlays to tap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    #[default]
    All,
    /// Those with one of these VNIs; the underlay, the gateway bridge and the
    /// routing mesh's sandbox are always included.
    Vnis(BTreeSet<u32>),
}

impl Scope {
    fn includes(&self, vni: Option<u32>) -> bool {
        match (self, vni) {
            (Self::All, _) | (_, None) => true,
            (Self::Vnis(vnis), Some(vni)) => vnis.contains(&vni),
        }
    }
}

/// The devices to tap, those of the host first.
pub fn sites(topology: &Topology, scope: &Scope) -> Vec<Site> {
    let mut sites = Vec::new();
    for namespace in &topology.namespaces {
        for device in &namespace.devices {
            if role(topology, namespace, device).is_tapped()
                && scope.includes(topology.vni(namespace.at(device)))
            {
                sites.push(Site {
                    namespace: namespace.inode,
                    path: namespace.path.clone(),
                    ifindex: device.ifindex,
                    device: device.name.clone(),
                    ethernet: ethernet(&device.kind),
                });
            }
        }
    }
    sites
}

/// Whether frames of such a device begin with an Ethernet header.
fn ethernet(kind: &DeviceKind) -> bool {
    match kind {
        DeviceKind::Other { ethernet, .. } => *ethernet,
        _ => true,
    }
}

#[cfg(test)]
mod tests;
