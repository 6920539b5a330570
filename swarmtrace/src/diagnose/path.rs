//! Which hop should follow a hop.
//!
//! There is no list of a path's hops: a packet goes from device to device, and
//! the next one follows from the device's wiring (the other end of a veth pair,
//! the bridge port that leads to an address, the VXLAN device where no port
//! does) and, inside a namespace, from the namespace's kind (a load balancer
//! passes on what it gets). [`next`] is one such step, from the topology alone.
//! It never guesses: where the topology does not decide, the answer is
//! [`Next::Unknown`], and no rule can take silence for a proof.

use super::case::{Case, Tap};
use super::dialled::{Dialled, dialled};
use crate::timeline::{Direction, Hop, Leg};
use crate::topology::role::role;
use crate::topology::{Device, DeviceKind, DeviceRef, Namespace, NamespaceKind, Role, Topology};
use ipnet::IpNet;
use std::net::IpAddr;

/// What should follow a hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// This hop.
    Hop(Expected),
    /// A hop on another node, whose topology is not in the case; its VTEP.
    Node(IpAddr),
    /// Nothing on this node: the packet leaves for a client outside.
    Outside,
    /// Nothing: the packet is at its destination.
    End,
    /// The topology does not decide it.
    Unknown,
}

/// A hop that should follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Name of the node.
    pub node: String,
    /// The role of each device.
    pub role: Role,
    /// Direction.
    pub way: Direction,
    /// The devices where it may be seen, never empty.
    pub devices: Vec<ExpectedDevice>,
}

/// A device that a packet should cross.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedDevice {
    /// Which device.
    pub at: DeviceRef,
    /// Name of its namespace.
    pub namespace: String,
    /// Its name there.
    pub device: String,
}

impl Expected {
    /// Whether each of the devices was tapped.
    pub fn tapped(&self, case: &Case<'_>) -> bool {
        let way = self.way;
        self.devices.iter().all(|d| {
            let tap = Tap { at: d.at, way };
            case.coverage.tapped(&self.node, tap)
        })
    }
}

/// What should follow hop number `index` of the timeline.
pub fn next(case: &Case<'_>, index: usize) -> Next {
    let Some(hop) = case.hop(index) else {
        return Next::Unknown;
    };
    let Some(topology) = case.topology_of(&hop.node) else {
        return Next::Unknown;
    };
    let at = hop.at();
    let Some((namespace, device)) = topology.device(at) else {
        return Next::Unknown;
    };
    let step = Step {
        case,
        topology,
        hop,
        namespace,
        device,
    };
    match (role(topology, namespace, device), hop.way) {
        (Role::Vxlan, Direction::Egress) => step.through_tunnel(),
        (Role::Underlay, Direction::Egress) => step.onto_wire(),
        (Role::Underlay, Direction::Ingress) => step.off_wire(),
        (Role::Vxlan | Role::OverlayPort, Direction::Ingress) => step.bridged(),
        (Role::GatewayBridge, Direction::Egress) => step.gateway_port(hop.destination.ip()),
        (Role::GatewayBridge, Direction::Ingress) => step.leaving_gateway(),
        (Role::GatewayPort, Direction::Ingress) => step.onto_gateway(),
        (Role::IngressGateway, Direction::Ingress) => step.within(Role::IngressOverlay),
        (Role::IngressOverlay, Direction::Ingress) if hop.leg == Leg::Reply => {
            step.within(Role::IngressGateway)
        }
        (Role::LoadBalancer, Direction::Ingress) => step.within(Role::LoadBalancer),
        (Role::TaskOverlay | Role::TaskGateway | Role::TaskLocal, Direction::Ingress) => Next::End,
        (Role::IngressOverlay | Role::LocalPort, Direction::Ingress)
        | (Role::OverlayBridge | Role::LocalBridge | Role::Loopback | Role::Other, _) => {
            Next::Unknown
        }
        (_, Direction::Egress) => step.across_veth(),
    }
}

/// A hop with its device in the topology.
struct Step<'a> {
    case: &'a Case<'a>,
    topology: &'a Topology,
    hop: &'a Hop,
    namespace: &'a Namespace,
    device: &'a Device,
}

impl Step<'_> {
    /// Out of one end of a veth pair, into the other.
    fn across_veth(&self) -> Next {
        let other: Vec<_> = self.topology.peer_of(self.device).into_iter().collect();
        self.expect(&other, Direction::Ingress)
    }

    /// From a sandbox's one device to its device of the given part.
    fn within(&self, part: Role) -> Next {
        let out = self.parts_of(self.namespace, part);
        self.expect(&out, Direction::Egress)
    }

    /// Across an overlay's bridge: to the port that leads to the destination,
    /// else, from a local port, to the VXLAN device.
    fn bridged(&self) -> Next {
        let address = self.hop.destination.ip();
        if self
            .topology
            .networks
            .iter()
            .any(|n| n.dsr && n.contains(address))
        {
            return Next::Unknown;
        }
        let mut ports = self.ports_of(address);
        if ports.is_empty() && self.topology.service_by_vip(address).is_some() {
            ports = self.balancer_ports();
            if ports.is_empty() {
                return Next::Unknown;
            }
        }
        if !ports.is_empty() {
            return self.expect(&ports, Direction::Egress);
        }
        if matches!(self.device.kind, DeviceKind::Vxlan { .. }) {
            return Next::Unknown;
        }
        let tunnels: Vec<_> = (self.namespace.devices.iter())
            .filter(|d| d.master == self.device.master && is_vxlan(d))
            .map(|d| (self.namespace, d))
            .collect();
        self.expect(&tunnels, Direction::Egress)
    }

    /// Out of the VXLAN device: in a datagram through one of the node's own
    /// interfaces; unseen there where the overlay is encrypted.
    fn through_tunnel(&self) -> Next {
        let DeviceKind::Vxlan { vni, .. } = self.device.kind else {
            return Next::Unknown;
        };
        let encrypted = self
            .topology
            .network_by_vni(vni)
            .is_some_and(|n| n.encrypted);
        let behind = self.case.vtep_of(self.namespace, self.hop.destination.ip());
        match (encrypted, behind) {
            (true, Some(vtep)) => self.tunnel_of(vtep, vni),
            (true, None) => Next::Unknown,
            (false, _) => self.expect(&self.underlay(behind), Direction::Egress),
        }
    }

    /// Out of the node.
    fn onto_wire(&self) -> Next {
        let Some(vxlan) = &self.hop.vxlan else {
            return Next::Outside;
        };
        let Some((node, topology)) = self.case.node_of_vtep(vxlan.to) else {
            return Next::Node(vxlan.to);
        };
        let devices: Vec<_> = (topology.host().into_iter())
            .flat_map(|n| n.devices.iter().map(move |d| (n, d)))
            .filter(|(n, d)| role(topology, n, d) == Role::Underlay)
            .filter(|(n, d)| addresses(n, d).any(|a| a.addr() == vxlan.to))
            .collect();
        expected(node, topology, &devices, Direction::Ingress).unwrap_or(Next::Node(vxlan.to))
    }

    /// Into the node, in a VXLAN datagram or to a published port.
    fn off_wire(&self) -> Next {
        if let Some(vxlan) = &self.hop.vxlan {
            let tunnels = tunnels(self.topology, vxlan.vni);
            return self.expect(&tunnels, Direction::Ingress);
        }
        let published = matches!(
            dialled(self.case),
            Dialled::Published | Dialled::PublishedOnHost
        );
        if self.hop.leg == Leg::Reply || !published {
            return Next::Unknown;
        }
        // A task on a bridge network of its node is behind that network's bridge.
        let local = || !self.parts_of(self.namespace, Role::LocalBridge).is_empty();
        if dialled(self.case) == Dialled::PublishedOnHost && local() {
            return Next::Unknown;
        }
        let bridges = self.parts_of(self.namespace, Role::GatewayBridge);
        self.expect(&bridges, Direction::Egress)
    }

    /// Out of `docker_gwbridge`: to the port that leads to the address.
    fn gateway_port(&self, address: IpAddr) -> Next {
        let ports: Vec<_> = (holders(self.topology, address))
            .filter_map(|(_, d)| self.topology.peer_of(d))
            .filter(|(n, d)| role(self.topology, n, d) == Role::GatewayPort)
            .collect();
        self.expect(&ports, Direction::Egress)
    }

    /// From a sandbox into `docker_gwbridge`: to another port of it (a container
    /// that dials its own node), else to the bridge itself.
    fn onto_gateway(&self) -> Next {
        if self.hop.leg == Leg::Forward {
            let ports = self.ports_to(&NamespaceKind::IngressSandbox);
            return self.expect(&ports, Direction::Egress);
        }
        let local = self.gateway_port(self.hop.destination.ip());
        if let Next::Hop(_) = local {
            return local;
        }
        let bridges = self.parts_of(self.namespace, Role::GatewayBridge);
        self.expect(&bridges, Direction::Ingress)
    }

    /// From `docker_gwbridge` into the node: out of the node, or to the node's
    /// own client.
    fn leaving_gateway(&self) -> Next {
        if self.hop.leg == Leg::Forward {
            return Next::Unknown;
        }
        let client = self.case.timeline.client.ip().to_canonical();
        if client.is_loopback() || self.namespace.holds(client) {
            return Next::End;
        }
        if self.namespace.holds(self.hop.destination.ip()) {
            return Next::Unknown;
        }
        self.expect(&self.underlay(Some(client)), Direction::Egress)
    }

    /// The other node's VXLAN device, where its topology is known.
    fn tunnel_of(&self, vtep: IpAddr, vni: u32) -> Next {
        let Some((node, topology)) = self.case.node_of_vtep(vtep) else {
            return Next::Node(vtep);
        };
        let tunnels = tunnels(topology, vni);
        expected(node, topology, &tunnels, Direction::Ingress).unwrap_or(Next::Node(vtep))
    }

    /// The node's interfaces that packets to `towards` may leave by.
    fn underlay(&self, towards: Option<IpAddr>) -> Vec<(&Namespace, &Device)> {
        let Some(host) = self.topology.host() else {
            return Vec::new();
        };
        let all = self.parts_of(host, Role::Underlay);
        let reaches = |n, d| towards.is_some_and(|to| addresses(n, d).any(|a| a.contains(&to)));
        let direct: Vec<_> = (all.iter().copied())
            .filter(|(n, d)| reaches(n, d))
            .collect();
        if direct.is_empty() { all } else { direct }
    }

    /// Ports of this bridge whose other end has that address.
    fn ports_of(&self, address: IpAddr) -> Vec<(&Namespace, &Device)> {
        holders(self.topology, address)
            .filter_map(|(_, d)| self.topology.peer_of(d))
            .filter(|(n, d)| n.inode == self.namespace.inode && d.master == self.device.master)
            .collect()
    }

    /// Ports of this bridge whose other end is a load balancer's.
    fn balancer_ports(&self) -> Vec<(&Namespace, &Device)> {
        self.parts_of(self.namespace, Role::OverlayPort)
            .into_iter()
            .filter(|(_, d)| d.master == self.device.master)
            .filter(|(_, d)| {
                self.topology
                    .peer_of(d)
                    .is_some_and(|(n, d)| role(self.topology, n, d).balances())
            })
            .collect()
    }

    /// Ports of `docker_gwbridge` whose other end is in such a namespace.
    fn ports_to(&self, kind: &NamespaceKind) -> Vec<(&Namespace, &Device)> {
        self.parts_of(self.namespace, Role::GatewayPort)
            .into_iter()
            .filter(|(_, d)| {
                self.topology
                    .peer_of(d)
                    .is_some_and(|(n, _)| n.kind == *kind)
            })
            .collect()
    }

    fn parts_of<'n>(
        &self,
        namespace: &'n Namespace,
        part: Role,
    ) -> Vec<(&'n Namespace, &'n Device)> {
        (namespace.devices.iter())
            .filter(|d| role(self.topology, namespace, d) == part)
            .map(|d| (namespace, d))
            .collect()
    }

    fn expect(&self, devices: &[(&Namespace, &Device)], way: Direction) -> Next {
        expected(&self.hop.node, self.topology, devices, way).unwrap_or(Next::Unknown)
    }
}

fn expected(
    node: &str,
    topology: &Topology,
    devices: &[(&Namespace, &Device)],
    way: Direction,
) -> Option<Next> {
    let mut roles = devices.iter().map(|(n, d)| role(topology, n, d));
    let first = roles.next()?;
    if !first.is_tapped() || !roles.all(Role::is_tapped) {
        return None;
    }
    Some(Next::Hop(Expected {
        node: node.to_owned(),
        role: first,
        way,
        devices: devices
            .iter()
            .map(|(n, d)| ExpectedDevice {
                at: n.at(d),
                namespace: n.name.clone(),
                device: d.name.clone(),
            })
            .collect(),
    }))
}

/// A NIC's addresses, and those of the bridge that it is a port of.
fn addresses<'n>(namespace: &'n Namespace, nic: &'n Device) -> impl Iterator<Item = &'n IpNet> {
    let master = nic.master;
    let bridge = (namespace.devices.iter()).find(move |d| Some(d.ifindex) == master);
    nic.addresses
        .iter()
        .chain(bridge.into_iter().flat_map(|b| &b.addresses))
}

/// The VXLAN devices of that network identifier.
fn tunnels(topology: &Topology, vni: u32) -> Vec<(&Namespace, &Device)> {
    (topology.namespaces.iter())
        .flat_map(|n| n.devices.iter().map(move |d| (n, d)))
        .filter(|(_, d)| matches!(d.kind, DeviceKind::Vxlan { vni: v, .. } if v == vni))
        .collect()
}

/// Every device but loopbacks that has that address.
pub fn holders(
    topology: &Topology,
    address: IpAddr,
) -> impl Iterator<Item = (&Namespace, &Device)> {
    (topology.namespaces.iter())
        .flat_map(|n| n.devices.iter().map(move |d| (n, d)))
        .filter(move |(_, d)| {
            d.kind != DeviceKind::Loopback && d.addresses.iter().any(|a| a.addr() == address)
        })
}

fn is_vxlan(device: &Device) -> bool {
    matches!(device.kind, DeviceKind::Vxlan { .. })
}
