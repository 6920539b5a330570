//! Names for numbers: what a topology knows of a tap.
//!
//! Beside the device's own name each tap has a role, the same for every
//! connection that passes it and on every node: `host docker_gwbridge`,
//! `ingress veth(vote)`, `vote nic(ingress)`. It names services rather than
//! tasks and networks rather than `eth0` or `veth3`, whose numbers follow
//! the order in which things were started.

use super::hop::Vxlan;
use super::model::Peer;
use crate::sys::protocol::Protocol;
use crate::topology::role::role;
use crate::topology::{
    Device, DeviceKind, DeviceRef, Endpoint, Namespace, NamespaceKind, Network, Place, Role,
    Service, Task, Topology,
};
use std::net::IpAddr;
use swarmtrace_common::Tuple;

/// A topology, asked for names.
#[derive(Clone, Copy)]
pub(super) struct Names<'a>(pub &'a Topology);

impl<'a> Names<'a> {
    pub fn place(self, netns: u32) -> Place {
        let namespace = self.0.namespace(netns);
        namespace.map_or(Place::Unknown, Namespace::place)
    }

    pub fn namespace(self, netns: u32) -> String {
        match self.0.namespace(netns) {
            Some(namespace) => namespace.name.clone(),
            None => format!("ns:{netns}"),
        }
    }

    pub fn device(self, at: DeviceRef) -> String {
        match self.0.device(at) {
            Some((_, device)) => device.name.clone(),
            None => format!("if{}", at.ifindex),
        }
    }

    pub fn is_vxlan(self, at: DeviceRef) -> bool {
        matches!(self.0.device(at), Some((_, device)) if matches!(device.kind, DeviceKind::Vxlan { .. }))
    }

    pub fn role(self, at: DeviceRef) -> String {
        let owner = self.owner(at.namespace);
        let Some((namespace, device)) = self.0.device(at) else {
            return format!("{owner} {}", self.device(at));
        };
        match role(self.0, namespace, device) {
            Role::Vxlan => format!("{owner} vxlan"),
            Role::OverlayPort | Role::GatewayPort | Role::LocalPort => self.port(&owner, device),
            Role::IngressGateway
            | Role::IngressOverlay
            | Role::LoadBalancer
            | Role::TaskOverlay
            | Role::TaskGateway
            | Role::TaskLocal => self.nic(&owner, device),
            // A port of a bridge that was not read.
            Role::Other if matches!(device.kind, DeviceKind::Veth { .. }) => match namespace.kind {
                NamespaceKind::Host => self.port(&owner, device),
                _ => self.nic(&owner, device),
            },
            Role::Underlay
            | Role::GatewayBridge
            | Role::LocalBridge
            | Role::OverlayBridge
            | Role::Loopback
            | Role::Other => format!("{owner} {}", device.name),
        }
    }

    fn port(self, owner: &str, device: &Device) -> String {
        match device.kind {
            DeviceKind::Veth { peer: Some(peer) } => {
                format!("{owner} veth({})", self.owner(peer.namespace))
            }
            _ => format!("{owner} veth"),
        }
    }

    fn nic(self, owner: &str, device: &Device) -> String {
        match self.network_of(device) {
            Some(network) => format!("{owner} nic({})", network.name),
            None => format!("{owner} {}", device.name),
        }
    }

    /// Whose a namespace is: `host`, `ingress_sbox`, `lb(overlay1)`, `overlay1`,
    /// `vote`.
    fn owner(self, netns: u32) -> String {
        let Some(namespace) = self.0.namespace(netns) else {
            return format!("ns:{netns}");
        };
        let network = |id: &Option<String>| {
            let network = id.as_ref().and_then(|id| self.0.network(id));
            network.map(|n| n.name.clone())
        };
        match &namespace.kind {
            NamespaceKind::LoadBalancer { network: id } => {
                network(id).map_or_else(|| namespace.name.clone(), |name| format!("lb({name})"))
            }
            NamespaceKind::Overlay { network: id } => {
                network(id).unwrap_or_else(|| namespace.name.clone())
            }
            NamespaceKind::Container { .. } => match self.0.task_of_namespace(namespace) {
                Some(task) if !task.service.is_empty() => task.service.clone(),
                _ => namespace.name.clone(),
            },
            _ => namespace.name.clone(),
        }
    }

    fn network_of(self, device: &Device) -> Option<&'a Network> {
        self.0.networks.iter().find(|network| {
            let holds = |a: &ipnet::IpNet| network.subnets.iter().any(|s| s.contains(&a.addr()));
            device.addresses.iter().any(holds)
        })
    }

    pub fn node_of(self, vtep: IpAddr) -> Option<String> {
        let node = self.0.node_by_address(vtep)?;
        (!node.hostname.is_empty()).then(|| node.hostname.clone())
    }

    pub fn vxlan(self, vni: u32, outer: &Tuple) -> Vxlan {
        let (from, to) = (outer.source().ip(), outer.destination().ip());
        Vxlan {
            vni,
            network: (self.0.network_by_vni(vni)).map(|n| n.name.as_str().into()),
            from,
            to,
            from_node: self.node_of(from).map(Into::into),
            to_node: self.node_of(to).map(Into::into),
        }
    }

    /// Where a VXLAN device sends what is for `inner`, by the namespace's
    /// neighbour and forwarding tables.
    pub fn behind(self, at: DeviceRef, inner: IpAddr) -> Option<Peer> {
        let (namespace, device) = self.0.device(at)?;
        let DeviceKind::Vxlan { vni, .. } = device.kind else {
            return None;
        };
        let mac = (namespace.neighbours.iter())
            .filter(|n| n.address == inner)
            .find_map(|n| n.mac)?;
        let entry = namespace
            .fdb
            .iter()
            .find(|f| f.ifindex == at.ifindex && f.mac == mac)?;
        Some(Peer {
            vtep: entry.vtep,
            node: self.node_of(entry.vtep),
            vni,
        })
    }

    /// The scheduler of the IPVS service that chose that backend: by mark, else
    /// by virtual address, else as the only one with that destination.
    pub fn ipvs(
        self,
        netns: u32,
        mark: u32,
        virtual_server: &Tuple,
        backend: IpAddr,
    ) -> Option<String> {
        use crate::topology::IpvsMatch;
        let namespace = self.0.namespace(netns)?;
        let wanted = virtual_server.destination();
        let by_match = namespace
            .ipvs
            .iter()
            .find(|service| match &service.matches {
                IpvsMatch::Fwmark(known) => mark != 0 && *known == mark,
                IpvsMatch::Address { address, port, .. } => {
                    *address == wanted.ip() && *port == wanted.port()
                }
            });
        let by_backend = || {
            let mut has = namespace
                .ipvs
                .iter()
                .filter(|s| s.destinations.iter().any(|d| d.address == backend));
            has.next().filter(|_| has.next().is_none())
        };
        Some(by_match.or_else(by_backend)?.scheduler.clone())
    }

    /// Whether that address is the host namespace's own.
    pub fn is_host_address(self, netns: u32, address: IpAddr) -> bool {
        self.0.namespace(netns).is_some_and(|namespace| {
            let mut all = namespace.devices.iter().flat_map(|d| &d.addresses);
            all.any(|a| a.addr() == address)
        })
    }

    pub fn service_of_mark(self, mark: u32) -> Option<&'a Service> {
        let mut services = self.0.services.iter();
        services.find(|s| mark != 0 && s.fwmarks.iter().any(|f| f.mark == mark))
    }

    pub fn service_of_port(self, protocol: Protocol, port: u16) -> Option<&'a Service> {
        self.0.services.iter().find(|s| {
            let mut ports = s.ports.iter();
            ports.any(|p| p.published == port && p.protocol == protocol)
        })
    }

    pub fn task_in(self, netns: u32) -> Option<&'a Task> {
        self.0.task_of_namespace(self.0.namespace(netns)?)
    }

    pub fn container_in(self, netns: u32) -> Option<&'a Namespace> {
        let namespace = self.0.namespace(netns)?;
        matches!(namespace.kind, NamespaceKind::Container { .. }).then_some(namespace)
    }

    /// What gossip says of an overlay address.
    pub fn endpoint(self, address: IpAddr) -> Option<&'a Endpoint> {
        let mut all = self.0.networks.iter().flat_map(|n| &n.endpoints);
        all.find(|e| e.address == address)
    }

    pub fn node_of_task(self, task: &Task) -> Option<String> {
        let node = self.0.node(&task.node)?;
        (!task.node.is_empty() && !node.hostname.is_empty()).then(|| node.hostname.clone())
    }
}
