//! Questions that the rest of the program asks a snapshot.

use super::{
    Device, DeviceKind, DeviceRef, Endpoint, Namespace, NamespaceKind, Network, Node,
    PublishedPort, Service, Task, Topology,
};
use std::net::IpAddr;

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

    /// The service of that name or id.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services
            .iter()
            .find(|s| s.name == name || (!s.id.is_empty() && s.id == name))
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

    /// The other end of a veth pair.
    pub fn peer(&self, at: DeviceRef) -> Option<DeviceRef> {
        match self.device(at)?.1.kind {
            DeviceKind::Veth { peer } => peer,
            _ => None,
        }
    }

    /// The other end of a veth pair, with its namespace.
    pub fn peer_of(&self, device: &Device) -> Option<(&Namespace, &Device)> {
        match device.kind {
            DeviceKind::Veth { peer } => self.device(peer?),
            _ => None,
        }
    }

    /// The bridge that a device, or else the other end of its veth pair, is a
    /// port of.
    pub fn bridge(&self, at: DeviceRef) -> Option<(&Namespace, &Device)> {
        let own = |at: DeviceRef| {
            let (_, device) = self.device(at)?;
            self.device(DeviceRef {
                namespace: at.namespace,
                ifindex: device.master?,
            })
        };
        own(at).or_else(|| own(self.peer(at)?))
    }

    /// The VNI of the overlay that a device belongs to: the VXLAN device
    /// itself, its bridge, the bridge's ports and what they lead to.
    pub fn vni(&self, at: DeviceRef) -> Option<u32> {
        let (namespace, device) = self.device(at)?;
        if let DeviceKind::Vxlan { vni, .. } = device.kind {
            return Some(vni);
        }
        let (namespace, bridge) = match device.kind {
            DeviceKind::Bridge => (namespace, device),
            _ => self.bridge(at)?,
        };
        namespace.devices.iter().find_map(|d| match d.kind {
            DeviceKind::Vxlan { vni, .. } if d.master == Some(bridge.ifindex) => Some(vni),
            _ => None,
        })
    }

    /// The overlay network that a device belongs to: see [`Topology::vni`].
    pub fn network_of_device(&self, at: DeviceRef) -> Option<&Network> {
        self.network_by_vni(self.vni(at)?)
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
}

impl Namespace {
    /// Refers to one of its devices.
    pub fn at(&self, device: &Device) -> DeviceRef {
        DeviceRef {
            namespace: self.inode,
            ifindex: device.ifindex,
        }
    }
}

impl Network {
    /// Whether it is an overlay: Docker says so, or it has a VNI.
    pub fn is_overlay(&self) -> bool {
        self.driver == "overlay" || !self.vnis.is_empty()
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
