//! Questions about a Swarm's parts that several checks ask.

use crate::doctor::facts::walk::Packet;
use crate::topology::{
    Device, Namespace, NamespaceKind, Network, Node, PublishMode, PublishedPort, Service, Task,
    Topology,
};
use std::net::{IpAddr, Ipv4Addr};

/// The routing mesh's load balancer.
pub fn ingress_sandbox(topology: &Topology) -> Option<&Namespace> {
    (topology.namespaces.iter()).find(|n| n.kind == NamespaceKind::IngressSandbox)
}

/// The routing mesh's network.
pub fn ingress_network(topology: &Topology) -> Option<&Network> {
    topology.networks.iter().find(|n| n.ingress)
}

/// Every load balancer with its network, the routing mesh's included.
pub fn balancers(topology: &Topology) -> impl Iterator<Item = (&Namespace, &Network)> {
    topology.namespaces.iter().filter_map(|n| match &n.kind {
        NamespaceKind::IngressSandbox => Some((n, ingress_network(topology)?)),
        NamespaceKind::LoadBalancer { network } => Some((n, topology.network(network.as_ref()?)?)),
        _ => None,
    })
}

/// Overlays with their namespace here (in host mode the node's own).
pub fn overlays(topology: &Topology) -> impl Iterator<Item = (&Namespace, &Device, &Network)> {
    topology.namespaces.iter().flat_map(move |n| {
        n.devices.iter().filter_map(move |d| {
            let crate::topology::DeviceKind::Vxlan { vni, .. } = d.kind else {
                return None;
            };
            let network = topology.network_by_vni(vni)?;
            (network.driver == "overlay").then_some((n, d, network))
        })
    })
}

/// Running tasks of a service with their addresses on a network.
pub fn backends<'a>(
    topology: &'a Topology,
    service: &'a str,
    network: &'a str,
) -> impl Iterator<Item = (&'a Task, IpAddr)> {
    (topology.tasks.iter())
        .filter(move |t| t.service == service && t.state == "running")
        .flat_map(move |t| {
            let here = t.addresses.iter().filter(move |a| a.network == network);
            here.map(move |a| (t, a.address))
        })
}

/// Ports that the routing mesh must serve: of services with running tasks.
pub fn mesh_ports(topology: &Topology) -> Vec<(&Service, &PublishedPort)> {
    let Some(ingress) = ingress_network(topology) else {
        return Vec::new();
    };
    (topology.services.iter())
        .filter(|s| backends(topology, &s.name, &ingress.id).next().is_some())
        .flat_map(|s| s.ports.iter().map(move |p| (s, p)))
        .filter(|(_, p)| p.mode == PublishMode::Ingress && p.published != 0)
        .collect()
}

/// This node.
pub fn local_node(topology: &Topology) -> Option<&Node> {
    topology.nodes.iter().find(|n| n.local)
}

/// The device that carries the node's own address, with which clients and
/// other nodes reach it.
pub fn uplink(topology: &Topology) -> Option<&Device> {
    let node = local_node(topology)?;
    topology.host()?.devices.iter().find(|d| {
        let mut addresses = d.addresses.iter();
        addresses.any(|a| node.addresses.contains(&a.addr()))
    })
}

/// The node's own IPv4 address.
pub fn own_address(topology: &Topology) -> Option<Ipv4Addr> {
    let device = uplink(topology)?;
    let node = local_node(topology)?;
    device.addresses.iter().find_map(|a| match a.addr() {
        IpAddr::V4(v4) if node.addresses.contains(&a.addr()) => Some(v4),
        _ => None,
    })
}

/// The node's bridge between containers on overlays and the world.
pub fn gateway_bridge(topology: &Topology) -> Option<&Device> {
    let sandbox = ingress_sandbox(topology);
    // What the sandbox is attached to, else what Docker calls it.
    let attached = sandbox.and_then(|n| {
        n.devices.iter().find_map(|d| {
            let (at, bridge) = topology.bridge(n.at(d))?;
            (at.inode == topology.host_namespace && topology.vni(n.at(d)).is_none())
                .then_some(bridge)
        })
    });
    attached.or_else(|| {
        let mut devices = topology.host()?.devices.iter();
        devices.find(|d| d.name == "docker_gwbridge")
    })
}

/// The device of a sandbox that leads to that bridge, and its IPv4 address.
pub fn gateway_port<'a>(
    topology: &'a Topology,
    namespace: &'a Namespace,
) -> Option<(&'a Device, Ipv4Addr)> {
    let device = namespace.devices.iter().find(|d| {
        topology.vni(namespace.at(d)).is_none()
            && (topology.bridge(namespace.at(d)))
                .is_some_and(|(at, _)| at.inode == topology.host_namespace)
    })?;
    Some((device, v4(device)?))
}

/// The device of a sandbox that leads to that network.
pub fn port_on<'a>(
    topology: &'a Topology,
    namespace: &'a Namespace,
    network: &Network,
) -> Option<&'a Device> {
    namespace.devices.iter().find(|d| {
        let vni = topology.vni(namespace.at(d));
        vni.is_some_and(|vni| network.vnis.contains(&vni))
    })
}

/// A container's address on the routing mesh's network.
pub fn ingress_address(topology: &Topology, namespace: &Namespace) -> Option<Ipv4Addr> {
    v4(port_on(topology, namespace, ingress_network(topology)?)?)
}

/// A device's own IPv4 address: the one that is not a single host's.
pub fn v4(device: &Device) -> Option<Ipv4Addr> {
    device.addresses.iter().find_map(|a| match a.addr() {
        IpAddr::V4(v4) if a.prefix_len() < 32 => Some(v4),
        _ => None,
    })
}

/// A command to be run in a namespace.
pub fn command(topology: &Topology, namespace: &Namespace, command: &str) -> String {
    if namespace.inode == topology.host_namespace {
        return format!("sudo {command}");
    }
    format!("sudo nsenter --net={} {command}", namespace.path.display())
}

/// A client's packet to a published port, as the node's card takes it in.
pub fn from_client(topology: &Topology, port: &PublishedPort) -> Option<Packet> {
    Some(Packet {
        input: Some(uplink(topology)?.name.clone()),
        destination: Some(own_address(topology)?),
        destination_local: true,
        protocol: port.protocol,
        destination_port: Some(port.published),
        ..Packet::default()
    })
}

/// `tcp/8080`
pub fn port_name(protocol: u8, port: u16) -> String {
    let protocol = match protocol {
        6 => "tcp",
        17 => "udp",
        132 => "sctp",
        _ => "ip",
    };
    format!("{protocol}/{port}")
}

/// A node's name, else the address.
pub fn node_of(topology: &Topology, address: IpAddr) -> String {
    match topology.node_by_address(address) {
        Some(node) => topology.node_name(node),
        None => address.to_string(),
    }
}
