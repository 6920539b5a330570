//! Questions that the rest of the program asks a snapshot.

use super::{Device, DeviceRef, Namespace, NamespaceKind, Network, Node, Service, Task, Topology};
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
}
