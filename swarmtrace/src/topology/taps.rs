//! Which devices to tap, so that every hop of the Swarm's data path is seen.
//!
//! The underlay's NICs, docker_gwbridge and its ports, both NICs of the routing
//! mesh's sandbox, each load balancer's NIC, the VXLAN device and the ports of
//! each overlay's bridge, and the NICs of containers on any of these. Never
//! `lo`, which no hop crosses, and never an overlay's bridge itself, on which
//! tc does not run for bridged frames.
//!
//! A device of an overlay or container is listed even while it is down: a tap
//! should be in place before the first packet.

use super::classify::GATEWAY_BRIDGE;
use super::{Device, DeviceKind, DeviceRef, Namespace, NamespaceKind, Topology};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A device to tap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// [`Namespace::inode`]
    pub namespace: u32,
    /// A file that opens the namespace.
    pub path: PathBuf,
    /// [`Device::ifindex`]
    pub ifindex: u32,
    /// [`Device::name`]
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
    /// routing mesh's sandbox always belong to it.
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
            let wanted = match namespace.kind {
                NamespaceKind::Host => on_host(topology, namespace, device),
                NamespaceKind::IngressSandbox
                | NamespaceKind::LoadBalancer { .. }
                | NamespaceKind::Overlay { .. } => is_nic(namespace, device),
                NamespaceKind::Container { .. } => {
                    is_nic(namespace, device) && on_swarm(topology, namespace)
                }
                NamespaceKind::Other => false,
            };
            if wanted && scope.includes(topology.vni(namespace.at(device))) {
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

/// A way into or out of a namespace: no loopback, no bridge, no pair with both
/// ends inside (a container may have networks of its own).
fn is_nic(namespace: &Namespace, device: &Device) -> bool {
    match device.kind {
        DeviceKind::Loopback | DeviceKind::Bridge => false,
        DeviceKind::Veth { peer: Some(peer) } => peer.namespace != namespace.inode,
        DeviceKind::Veth { peer: None } | DeviceKind::Vxlan { .. } | DeviceKind::Physical => true,
        DeviceKind::Other { .. } => carries_traffic(&device.kind) && has_address(device),
    }
}

/// A container that the Swarm's traffic can reach: a task, or attached to an
/// overlay or the gateway bridge.
fn on_swarm(topology: &Topology, namespace: &Namespace) -> bool {
    let task = matches!(
        namespace.kind,
        NamespaceKind::Container { task: Some(_), .. }
    );
    task || namespace.devices.iter().any(|d| {
        let at = namespace.at(d);
        let gateway = || (topology.bridge(at)).is_some_and(|(_, b)| is_gateway(topology, b));
        topology.vni(at).is_some() || gateway()
    })
}

fn is_gateway(topology: &Topology, bridge: &Device) -> bool {
    bridge.name == GATEWAY_BRIDGE
        && topology
            .host()
            .is_some_and(|h| h.devices.iter().any(|d| d == bridge))
}

fn on_host(topology: &Topology, host: &Namespace, device: &Device) -> bool {
    let at = host.at(device);
    // Host mode: overlays without a namespace of their own.
    let overlay = topology.vni(at).is_some();
    let bridge = (host.devices.iter()).find(|d| Some(d.ifindex) == device.master);
    match (&device.kind, bridge) {
        (DeviceKind::Loopback, _) => false,
        (DeviceKind::Bridge, _) => {
            !overlay && (is_gateway(topology, device) || leads_to_task(topology, host, device))
        }
        // A VXLAN device that is no overlay's is someone else's network.
        (DeviceKind::Vxlan { .. }, bridge) => overlay && bridge.is_some(),
        (DeviceKind::Veth { .. }, Some(bridge)) => {
            overlay || is_gateway(topology, bridge) || leads_to_task(topology, host, bridge)
        }
        // The underlay. Where a node is itself a container or namespace, its
        // NIC is a veth; one without an address is someone else's port.
        (DeviceKind::Veth { .. }, None) => device.up && has_address(device),
        // Of a bond or team, the bond; of a bridge that stands for the NIC,
        // the NIC: there the packet arrives.
        (kind, master) => {
            let addressed = match master {
                Some(master) => master.kind == DeviceKind::Bridge && has_address(master),
                None => has_address(device),
            };
            device.up && carries_traffic(kind) && addressed
        }
    }
}

/// Whether a port of that bridge leads into a task's container (services may
/// use a network of the node's own).
fn leads_to_task(topology: &Topology, host: &Namespace, bridge: &Device) -> bool {
    (host.devices.iter())
        .filter(|d| d.master == Some(bridge.ifindex))
        .filter_map(|port| topology.peer(host.at(port)))
        .filter_map(|peer| topology.namespace(peer.namespace))
        .any(|n| matches!(n.kind, NamespaceKind::Container { task: Some(_), .. }))
}

/// An address that someone can send to.
fn has_address(device: &Device) -> bool {
    device.addresses.iter().any(|a| match a.addr() {
        std::net::IpAddr::V4(_) => true,
        std::net::IpAddr::V6(a) => !a.is_unicast_link_local(),
    })
}

/// Link kinds that packets pass; the others only hold addresses, or copy.
fn carries_traffic(kind: &DeviceKind) -> bool {
    let DeviceKind::Other { kind, .. } = kind else {
        return true;
    };
    !matches!(
        kind.as_str(),
        "dummy" | "ifb" | "nlmon" | "vrf" | "vcan" | "can"
    )
}

#[cfg(test)]
mod tests;
