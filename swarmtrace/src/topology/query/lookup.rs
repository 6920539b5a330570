//! Things by what identifies them: inode, index, VNI, id, address, mark.

use crate::topology::{
    Device, DeviceRef, Endpoint, Namespace, NamespaceKind, Network, NetworkDriver, Node,
    PublishedPort, Service, Task, Topology,
};
use std::net::{IpAddr, Ipv4Addr};

impl Topology {
    /// The namespace with that inode.
    pub fn namespace(&self, inode: u32) -> Option<&Namespace> {
        self.namespaces.iter().find(|n| n.inode == inode)
    }

    /// The device with that index in that namespace.
    pub fn device(&self, at: DeviceRef) -> Option<(&Namespace, &Device)> {
        let namespace = self.namespace(at.namespace)?;
        let device = namespace.devices.iter().find(|d| d.ifindex == at.ifindex)?;
        Some((namespace, device))
    }

    /// The network with that VNI.
    pub fn network_by_vni(&self, vni: u32) -> Option<&Network> {
        self.networks.iter().find(|n| n.vnis.contains(&vni))
    }

    /// The network with that Docker id.
    pub fn network(&self, id: &str) -> Option<&Network> {
        self.networks.iter().find(|n| n.id == id)
    }

    /// The task that has that overlay address.
    pub fn task_by_address(&self, address: IpAddr) -> Option<&Task> {
        self.tasks
            .iter()
            .find(|t| t.addresses.iter().any(|a| a.address == address))
    }

    /// The task whose container's namespace that is.
    pub fn task_of_namespace(&self, namespace: &Namespace) -> Option<&Task> {
        let NamespaceKind::Container { task: Some(id), .. } = &namespace.kind else {
            return None;
        };
        self.tasks.iter().find(|t| &t.id == id)
    }

    /// The service that has that virtual address.
    pub fn service_by_vip(&self, address: IpAddr) -> Option<&Service> {
        self.services
            .iter()
            .find(|s| s.vips.iter().any(|v| v.address == address))
    }

    /// The node that an underlay address stands for.
    pub fn node_by_address(&self, address: IpAddr) -> Option<&Node> {
        self.nodes.iter().find(|n| n.addresses.contains(&address))
    }

    /// This node.
    pub fn local_node(&self) -> Option<&Node> {
        self.nodes.iter().find(|n| n.local)
    }

    /// The node with that Swarm id.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.iter().find(|n| n.id == id)
    }

    /// The node's own namespace.
    pub fn host(&self) -> Option<&Namespace> {
        self.namespace(self.host_namespace)
    }

    /// The service that carries that firewall mark on this node, and the
    /// [`Network::id`] it carries it on: marks are counted node-wide.
    pub fn service_by_fwmark(&self, mark: u32) -> Option<(&Service, &str)> {
        self.services.iter().find_map(|s| {
            let fwmark = s.fwmarks.iter().find(|m| m.mark == mark)?;
            Some((s, fwmark.network.as_str()))
        })
    }

    /// The services that publish that port, and how.
    pub fn published(&self, port: u16) -> impl Iterator<Item = (&Service, &PublishedPort)> {
        self.services
            .iter()
            .flat_map(|s| s.ports.iter().map(move |p| (s, p)))
            .filter(move |(_, p)| p.published == port)
    }

    /// The name of a node for people: host name, else its address, else the
    /// start of its id.
    pub fn node_name(&self, node: &Node) -> String {
        if !node.hostname.is_empty() {
            return node.hostname.clone();
        }
        match node.addresses.first() {
            Some(address) => address.to_string(),
            None => node.id.chars().take(12).collect(),
        }
    }

    /// The name of the node that an underlay address stands for, else the address.
    pub fn node_name_at(&self, address: IpAddr) -> String {
        match self.node_by_address(address) {
            Some(node) => self.node_name(node),
            None => address.to_string(),
        }
    }
}

impl Device {
    /// Its own IPv4 address: the one that is not a single host's, as a virtual
    /// address is.
    pub fn ipv4(&self) -> Option<Ipv4Addr> {
        self.addresses.iter().find_map(|a| match a.addr() {
            IpAddr::V4(v4) if a.prefix_len() < 32 => Some(v4),
            _ => None,
        })
    }

    /// Whether it has that address.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|a| a.addr() == address)
    }
}

impl Namespace {
    /// Whether one of its devices has that address.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.devices.iter().any(|d| d.holds(address))
    }

    /// Refers to one of its devices.
    pub fn at(&self, device: &Device) -> DeviceRef {
        DeviceRef {
            namespace: self.inode,
            ifindex: device.ifindex,
        }
    }
}

impl Endpoint {
    /// The name of a node's load balancer.
    pub const LOAD_BALANCER: &str = "lb";

    /// Whether it is a node's load balancer.
    pub fn is_load_balancer(&self) -> bool {
        self.name == Self::LOAD_BALANCER
    }
}

impl Network {
    /// Whether it is an overlay: Docker says so, or it has a VNI.
    pub fn is_overlay(&self) -> bool {
        self.driver == NetworkDriver::Overlay || !self.vnis.is_empty()
    }

    /// Whether the address is in one of its subnets.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.subnets.iter().any(|s| s.contains(&address))
    }

    /// What is known of one of its addresses: `vote.2`, `lb`.
    pub fn endpoint(&self, address: IpAddr) -> Option<&Endpoint> {
        self.endpoints.iter().find(|e| e.address == address)
    }
}
