//! The part that each device plays on the Swarm's data path: the one classifier.
//!
//! A device's name says little (`eth0` of a task may be on any network, and in
//! host mode an overlay's bridge is among the node's own devices). The role
//! follows from the wiring: a veth that is a port of a bridge with a VXLAN port
//! is an overlay's port, its other end is the NIC of whatever namespace it is in.
//!
//! [`taps`](super::taps) selects what to tap by role, the timeline names hops by
//! it, diagnose derives the next expected hop from it, and doctor finds devices
//! with it. So a hop that diagnose expects is a hop that is tapped.
//!
//! Relied on: tc does not run on a bridge for frames that it forwards
//! (`net/bridge/br_forward.c` sends to the port), so an overlay's bridge never sees
//! a packet; `docker_gwbridge` routes, so it does.

use super::{Device, DeviceKind, DeviceRef, Namespace, NamespaceKind, Topology};
use std::net::IpAddr;

/// The bridge that gives containers on overlays their way out of the node
/// (libnetwork, `libnGWNetwork`).
const GATEWAY_BRIDGE: &str = "docker_gwbridge";

/// The part a device plays on the data path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A NIC of the node, on the network that carries VXLAN and clients.
    Underlay,
    /// `docker_gwbridge`: routes between the node and its containers.
    GatewayBridge,
    /// A port of `docker_gwbridge`.
    GatewayPort,
    /// `ingress_sbox`: its NIC on `docker_gwbridge`.
    IngressGateway,
    /// `ingress_sbox`: its NIC on the ingress network.
    IngressOverlay,
    /// `lb_…`: its NIC on its network.
    LoadBalancer,
    /// The bridge of an overlay.
    OverlayBridge,
    /// A port of an overlay's bridge.
    OverlayPort,
    /// The VXLAN device of an overlay.
    Vxlan,
    /// A container's NIC on an overlay.
    TaskOverlay,
    /// A container's NIC on `docker_gwbridge`.
    TaskGateway,
    /// A container's NIC on a network of this node alone: a bridge network, macvlan.
    TaskLocal,
    /// A bridge of this node with a task on a port: a bridge network.
    LocalBridge,
    /// A port of such a bridge.
    LocalPort,
    /// `lo`
    Loopback,
    /// A device that no packet of the Swarm crosses.
    Other,
}

impl Role {
    /// Whether packets of the Swarm cross the device where tc sees them. Such
    /// devices are tapped, and no other ones.
    pub fn is_tapped(self) -> bool {
        !matches!(self, Self::OverlayBridge | Self::Loopback | Self::Other)
    }

    /// Whether it is a load balancer's NIC on an overlay.
    pub fn balances(self) -> bool {
        matches!(self, Self::IngressOverlay | Self::LoadBalancer)
    }

    /// Whether it is in a load balancer's sandbox.
    pub fn in_sandbox(self) -> bool {
        matches!(
            self,
            Self::IngressGateway | Self::IngressOverlay | Self::LoadBalancer
        )
    }

    /// Whether it is a container's NIC.
    pub fn in_container(self) -> bool {
        matches!(
            self,
            Self::TaskOverlay | Self::TaskGateway | Self::TaskLocal
        )
    }
}

impl Topology {
    /// The role of a device; `None` if the snapshot does not have it.
    pub fn role(&self, at: DeviceRef) -> Option<Role> {
        let (namespace, device) = self.device(at)?;
        Some(role(self, namespace, device))
    }
}

/// The role of `device`, which is in `namespace` of `topology`.
pub fn role(topology: &Topology, namespace: &Namespace, device: &Device) -> Role {
    if device.kind == DeviceKind::Loopback {
        return Role::Loopback;
    }
    match namespace.kind {
        NamespaceKind::Host => on_host(topology, namespace, device),
        NamespaceKind::Overlay { .. } => match device.kind {
            DeviceKind::Vxlan { .. } => Role::Vxlan,
            DeviceKind::Bridge => Role::OverlayBridge,
            _ if leaves(namespace, device) => Role::OverlayPort,
            _ => Role::Other,
        },
        NamespaceKind::LoadBalancer { .. } if leaves(namespace, device) => Role::LoadBalancer,
        NamespaceKind::IngressSandbox if leaves(namespace, device) => {
            match attachment(topology, device) {
                Attachment::Gateway => Role::IngressGateway,
                Attachment::Overlay => Role::IngressOverlay,
                Attachment::Local => Role::Other,
            }
        }
        NamespaceKind::Container { .. } if on_swarm(topology, namespace) => {
            in_container(topology, namespace, device)
        }
        _ => Role::Other,
    }
}

fn on_host(topology: &Topology, host: &Namespace, device: &Device) -> Role {
    let master = (host.devices.iter()).find(|d| Some(d.ifindex) == device.master);
    match (&device.kind, master) {
        (DeviceKind::Bridge, _) if has_vxlan(host, device) => Role::OverlayBridge,
        (DeviceKind::Bridge, _) if is_gateway(topology, host, device) => Role::GatewayBridge,
        (DeviceKind::Bridge, _) if leads_to_task(topology, host, device) => Role::LocalBridge,
        // In host mode overlays have no namespace of their own. A VXLAN device
        // without a bridge is another program's network.
        (DeviceKind::Vxlan { .. }, Some(_)) => Role::Vxlan,
        (DeviceKind::Bridge | DeviceKind::Vxlan { .. }, _) => Role::Other,
        (DeviceKind::Veth { .. }, Some(bridge)) if bridge.kind != DeviceKind::Bridge => Role::Other,
        (DeviceKind::Veth { .. }, Some(bridge)) => match on_host(topology, host, bridge) {
            Role::OverlayBridge => Role::OverlayPort,
            Role::GatewayBridge => Role::GatewayPort,
            Role::LocalBridge => Role::LocalPort,
            _ => Role::Other,
        },
        // Of a bond the bond; of a bridge that stands for the NIC, the NIC:
        // there packets arrive. Where the node is itself a container, its NIC
        // is a veth; one without an address leads to another program's container.
        (kind, master) => {
            let addressed = match master {
                Some(master) => master.kind == DeviceKind::Bridge && has_address(master),
                None => has_address(device),
            };
            match device.up && addressed && carries_traffic(kind) {
                true => Role::Underlay,
                false => Role::Other,
            }
        }
    }
}

fn in_container(topology: &Topology, namespace: &Namespace, device: &Device) -> Role {
    match device.kind {
        DeviceKind::Veth { .. } if leaves(namespace, device) => {
            match attachment(topology, device) {
                Attachment::Gateway => Role::TaskGateway,
                Attachment::Overlay => Role::TaskOverlay,
                Attachment::Local => Role::TaskLocal,
            }
        }
        DeviceKind::Physical => Role::TaskLocal,
        // macvlan and ipvlan; without an address a fallback device (`sit0`).
        DeviceKind::Other { .. } if carries_traffic(&device.kind) && has_address(device) => {
            Role::TaskLocal
        }
        _ => Role::Other,
    }
}

/// What a sandbox's or container's NIC is attached to.
enum Attachment {
    Gateway,
    Overlay,
    Local,
}

/// By the port at the other end, else (the other end was not found, or is not a
/// port yet) by the network of its address.
fn attachment(topology: &Topology, device: &Device) -> Attachment {
    if let Some((namespace, port)) = topology.peer_of(device) {
        match port_role(topology, namespace, port) {
            Role::OverlayPort => return Attachment::Overlay,
            Role::GatewayPort => return Attachment::Gateway,
            _ if port.master.is_some() => return Attachment::Local,
            _ => {}
        }
    }
    let addresses = || device.addresses.iter().map(ipnet::IpNet::addr);
    let network = |overlay: bool| {
        (topology.networks.iter())
            .filter(|n| n.is_overlay() == overlay)
            .find(|n| addresses().any(|a| n.contains(a)))
    };
    if addresses().next().is_none() || network(true).is_some() {
        return Attachment::Overlay;
    }
    match network(false) {
        Some(network) if network.name != GATEWAY_BRIDGE => Attachment::Local,
        _ => Attachment::Gateway,
    }
}

/// The role of a veth that is a bridge's port: in the node's namespace or an
/// overlay's.
fn port_role(topology: &Topology, namespace: &Namespace, port: &Device) -> Role {
    match namespace.kind {
        NamespaceKind::Host | NamespaceKind::Overlay { .. } => role(topology, namespace, port),
        _ => Role::Other,
    }
}

/// Whether the Swarm's traffic can reach a container: it is a task's, or attached
/// to an overlay or the gateway bridge.
fn on_swarm(topology: &Topology, namespace: &Namespace) -> bool {
    let task = matches!(
        namespace.kind,
        NamespaceKind::Container { task: Some(_), .. }
    );
    task || (namespace.devices.iter())
        .filter_map(|d| topology.peer_of(d))
        .any(|(namespace, port)| {
            let role = port_role(topology, namespace, port);
            matches!(role, Role::OverlayPort | Role::GatewayPort)
        })
}

/// Whether a veth leads out of its namespace; a container may have pairs with
/// both ends inside.
fn leaves(namespace: &Namespace, device: &Device) -> bool {
    match device.kind {
        DeviceKind::Veth { peer } => peer.is_none_or(|p| p.namespace != namespace.inode),
        _ => false,
    }
}

/// Whether a bridge has a VXLAN port: it is an overlay's.
fn has_vxlan(namespace: &Namespace, bridge: &Device) -> bool {
    (ports(namespace, bridge)).any(|d| matches!(d.kind, DeviceKind::Vxlan { .. }))
}

/// Whether a bridge of the node is `docker_gwbridge`: by its name, or by having
/// `ingress_sbox` on a port (its name can be chosen with
/// `com.docker.network.bridge.name`) and no VXLAN port.
pub(super) fn is_gateway(topology: &Topology, host: &Namespace, bridge: &Device) -> bool {
    let on_port = || {
        (ports(host, bridge))
            .filter_map(|port| topology.peer_of(port))
            .any(|(namespace, _)| namespace.kind == NamespaceKind::IngressSandbox)
    };
    !has_vxlan(host, bridge) && (bridge.name == GATEWAY_BRIDGE || on_port())
}

/// Whether a port of that bridge leads into a task's container (services may
/// use a network of the node's own).
fn leads_to_task(topology: &Topology, host: &Namespace, bridge: &Device) -> bool {
    let task = |n: &Namespace| matches!(n.kind, NamespaceKind::Container { task: Some(_), .. });
    (ports(host, bridge))
        .filter_map(|port| topology.peer_of(port))
        .any(|(namespace, _)| task(namespace))
}

fn ports<'n>(namespace: &'n Namespace, bridge: &Device) -> impl Iterator<Item = &'n Device> {
    let index = bridge.ifindex;
    (namespace.devices.iter()).filter(move |d| d.master == Some(index))
}

/// An address that a packet can be sent to from another host.
fn has_address(device: &Device) -> bool {
    device.addresses.iter().any(|a| match a.addr() {
        IpAddr::V4(_) => true,
        IpAddr::V6(a) => !a.is_unicast_link_local(),
    })
}

/// Link kinds that packets cross; the others only hold addresses, or copy.
fn carries_traffic(kind: &DeviceKind) -> bool {
    let DeviceKind::Other { kind, .. } = kind else {
        return true;
    };
    !matches!(
        kind.as_str(),
        "dummy" | "ifb" | "nlmon" | "vrf" | "vcan" | "can"
    )
}
