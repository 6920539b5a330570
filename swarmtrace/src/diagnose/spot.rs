//! What part a device plays on the data path.
//!
//! Names lie (`eth0` of a task may be on any network, and in host mode an
//! overlay's bridge lives among the node's own devices), so a device is known
//! by what it is wired to: a veth enslaved to a bridge that also has a VXLAN
//! port is an overlay's port, its other end is whatever namespace it is in.

use crate::timeline::{Hop, Leg, Place, Way};
use crate::topology::{Device, DeviceKind, Namespace, NamespaceKind, Topology};

/// A device's part on the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spot {
    /// A network interface of the node itself.
    Underlay,
    /// `docker_gwbridge`
    GatewayBridge,
    /// A port of `docker_gwbridge`.
    GatewayPort,
    /// `ingress_sbox`: its end on `docker_gwbridge`.
    IngressGateway,
    /// `ingress_sbox`: its end on the ingress network.
    IngressOverlay,
    /// `lb_…`: its end on its network.
    Balancer,
    /// A port of an overlay's bridge.
    OverlayPort,
    /// An overlay's VXLAN device.
    Tunnel,
    /// A container's end on an overlay.
    TaskOverlay,
    /// A container's end on `docker_gwbridge`.
    TaskGateway,
}

impl Spot {
    /// Whether it is a load balancer's end on an overlay.
    pub fn balances(self) -> bool {
        matches!(self, Self::IngressOverlay | Self::Balancer)
    }

    /// Whether it is in a load balancer's sandbox.
    pub fn in_sandbox(self) -> bool {
        matches!(
            self,
            Self::IngressGateway | Self::IngressOverlay | Self::Balancer
        )
    }

    /// Whether it is in a container.
    pub fn in_container(self) -> bool {
        matches!(self, Self::TaskOverlay | Self::TaskGateway)
    }
}

/// The part of `device` in `namespace`, by its wiring.
pub fn spot(topology: &Topology, namespace: &Namespace, device: &Device) -> Option<Spot> {
    let host = namespace.kind == NamespaceKind::Host;
    match (&device.kind, device.master) {
        (DeviceKind::Vxlan { .. }, _) => Some(Spot::Tunnel),
        (DeviceKind::Bridge, _) => {
            is_gateway(topology, namespace, device.ifindex).then_some(Spot::GatewayBridge)
        }
        (DeviceKind::Loopback, _) => None,
        (DeviceKind::Veth { .. }, _) if is_overlay_port(namespace, device) => {
            Some(Spot::OverlayPort)
        }
        (DeviceKind::Veth { .. }, _) if host && is_gateway_port(topology, namespace, device) => {
            Some(Spot::GatewayPort)
        }
        // Where the node is itself a container or namespace, its interface.
        (DeviceKind::Veth { .. }, None) if host && !device.addresses.is_empty() => {
            Some(Spot::Underlay)
        }
        (DeviceKind::Veth { .. }, _) if host => None,
        (DeviceKind::Veth { .. }, _) => match &namespace.kind {
            NamespaceKind::IngressSandbox if on_gateway(topology, device) => {
                Some(Spot::IngressGateway)
            }
            NamespaceKind::IngressSandbox => Some(Spot::IngressOverlay),
            NamespaceKind::LoadBalancer { .. } => Some(Spot::Balancer),
            NamespaceKind::Container { .. } if on_gateway(topology, device) => {
                Some(Spot::TaskGateway)
            }
            NamespaceKind::Container { .. } => Some(Spot::TaskOverlay),
            _ => None,
        },
        (_, None) if host => Some(Spot::Underlay),
        _ => None,
    }
}

/// The part of a hop's device where the topology has never heard of it: by the
/// namespace's purpose and what the hop itself says.
pub fn guess(hop: &Hop) -> Option<Spot> {
    let device = &*hop.device;
    let forward_in = (hop.leg == Leg::Forward) == (hop.way == Way::In);
    match hop.place {
        Place::Host if device == "docker_gwbridge" => Some(Spot::GatewayBridge),
        Place::Host if device.starts_with("vx-") => Some(Spot::Tunnel),
        Place::Host if device.starts_with("veth") => Some(Spot::GatewayPort),
        // The timeline's name for a device that it did not know either.
        Place::Host if device.starts_with("if") => None,
        Place::Host => Some(Spot::Underlay),
        Place::IngressSandbox if forward_in => Some(Spot::IngressGateway),
        Place::IngressSandbox => Some(Spot::IngressOverlay),
        Place::LoadBalancer => Some(Spot::Balancer),
        Place::Overlay if device.starts_with("vx") => Some(Spot::Tunnel),
        Place::Overlay => Some(Spot::OverlayPort),
        Place::Container => Some(Spot::TaskOverlay),
        Place::Unknown => None,
    }
}

/// The other end of a veth pair.
pub fn peer<'t>(topology: &'t Topology, device: &Device) -> Option<(&'t Namespace, &'t Device)> {
    match device.kind {
        DeviceKind::Veth { peer: Some(peer) } => topology.device(peer),
        _ => None,
    }
}

/// Whether the bridge with that index has a VXLAN port.
fn has_tunnel(namespace: &Namespace, bridge: u32) -> bool {
    matches!(namespace.kind, NamespaceKind::Overlay { .. })
        || namespace
            .devices
            .iter()
            .any(|d| d.master == Some(bridge) && matches!(d.kind, DeviceKind::Vxlan { .. }))
}

/// Whether the device with that index is `docker_gwbridge`: by its name, which
/// Docker never changes, or by having `ingress_sbox` on one of its ports.
fn is_gateway(topology: &Topology, namespace: &Namespace, index: u32) -> bool {
    if namespace.kind != NamespaceKind::Host || has_tunnel(namespace, index) {
        return false;
    }
    namespace.devices.iter().any(|d| {
        (d.ifindex == index && d.name == "docker_gwbridge")
            || (d.master == Some(index)
                && peer(topology, d).is_some_and(|(n, _)| n.kind == NamespaceKind::IngressSandbox))
    })
}

/// Whether a veth is the port of an overlay's bridge: by the bridge, or by
/// being where only such ports are.
fn is_overlay_port(namespace: &Namespace, device: &Device) -> bool {
    matches!(namespace.kind, NamespaceKind::Overlay { .. })
        || (device.master).is_some_and(|bridge| has_tunnel(namespace, bridge))
}

/// Whether a veth of the node is a port of `docker_gwbridge`: by the bridge, or,
/// where that was not read, by leading to a sandbox or container.
fn is_gateway_port(topology: &Topology, namespace: &Namespace, device: &Device) -> bool {
    match device.master {
        Some(bridge) => is_gateway(topology, namespace, bridge),
        None => peer(topology, device).is_some_and(|(n, _)| {
            use NamespaceKind::{Container, IngressSandbox};
            matches!(n.kind, IngressSandbox | Container { .. })
        }),
    }
}

/// Whether a sandbox's device hangs on `docker_gwbridge`: by its other end, or,
/// where that is not known, by having no address of an overlay.
fn on_gateway(topology: &Topology, device: &Device) -> bool {
    if let Some((namespace, port)) = peer(topology, device) {
        return namespace.kind == NamespaceKind::Host
            && !is_overlay_port(namespace, port)
            && is_gateway_port(topology, namespace, port);
    }
    let overlay = |address| {
        topology
            .networks
            .iter()
            .filter(|n| n.driver == "overlay" || !n.vnis.is_empty())
            .any(|n| n.subnets.iter().any(|s| s.contains(&address)))
    };
    !device.addresses.is_empty() && !device.addresses.iter().any(|a| overlay(a.addr()))
}
