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
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TapSite {
    /// Which device.
    pub at: DeviceRef,
    /// A file that opens its namespace: an nsfs mount or `/proc/PID/ns/net`.
    pub netns_path: PathBuf,
    /// The device's name, for messages.
    pub device: String,
    /// Whether its frames begin with an Ethernet header.
    pub has_ethernet: bool,
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
pub fn sites(topology: &Topology, scope: &Scope) -> Vec<TapSite> {
    let mut sites = Vec::new();
    for namespace in &topology.namespaces {
        for device in &namespace.devices {
            if role(topology, namespace, device).is_tapped()
                && scope.includes(topology.vni(namespace.at(device)))
            {
                sites.push(TapSite {
                    at: namespace.at(device),
                    netns_path: namespace.path.clone(),
                    device: device.name.clone(),
                    has_ethernet: has_ethernet(&device.kind),
                });
            }
        }
    }
    sites
}

/// Whether frames of such a device begin with an Ethernet header.
fn has_ethernet(kind: &DeviceKind) -> bool {
    match kind {
        DeviceKind::Other { ethernet, .. } => *ethernet,
        _ => true,
    }
}

#[cfg(test)]
mod tests;
