//! What devices are attached to.

use crate::topology::role::is_gateway;
use crate::topology::{Device, DeviceKind, DeviceRef, Namespace, Network, NetworkDriver, Topology};
use std::net::{IpAddr, Ipv4Addr};

impl Topology {
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

    /// The VNI of the overlay that a device is part of: the VXLAN device
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

    /// The overlay network that a device is part of: see [`Topology::vni`].
    pub fn network_of_device(&self, at: DeviceRef) -> Option<&Network> {
        self.network_by_vni(self.vni(at)?)
    }

    /// The VXLAN device of each overlay that has one here (in host mode in the
    /// node's own namespace), with its namespace and network.
    pub fn overlays(&self) -> impl Iterator<Item = (&Namespace, &Device, &Network)> {
        self.namespaces.iter().flat_map(move |n| {
            n.devices.iter().filter_map(move |d| {
                let DeviceKind::Vxlan { vni, .. } = d.kind else {
                    return None;
                };
                let network = self.network_by_vni(vni)?;
                (network.driver == NetworkDriver::Overlay).then_some((n, d, network))
            })
        })
    }

    /// The namespace that has the VXLAN device of the network with that address.
    pub fn overlay_of(&self, address: IpAddr) -> Option<&Namespace> {
        let of_address = |d: &Device| match d.kind {
            DeviceKind::Vxlan { vni, .. } => {
                (self.networks.iter()).any(|n| n.vnis.contains(&vni) && n.contains(address))
            }
            _ => false,
        };
        (self.namespaces.iter()).find(|n| n.devices.iter().any(of_address))
    }

    /// The device with the node's own address, by which clients and other nodes
    /// reach it.
    pub fn uplink(&self) -> Option<&Device> {
        let node = self.local_node()?;
        self.host()?
            .devices
            .iter()
            .find(|d| node.addresses.iter().any(|a| d.holds(*a)))
    }

    /// The node's own IPv4 address.
    pub fn own_address(&self) -> Option<Ipv4Addr> {
        let (device, node) = (self.uplink()?, self.local_node()?);
        device.addresses.iter().find_map(|a| match a.addr() {
            IpAddr::V4(v4) if node.addresses.contains(&a.addr()) => Some(v4),
            _ => None,
        })
    }

    /// The node's bridge between containers on overlays and the world.
    pub fn gateway_bridge(&self) -> Option<&Device> {
        let host = self.host()?;
        let mut bridges = host.devices.iter().filter(|d| d.kind == DeviceKind::Bridge);
        bridges.find(|d| is_gateway(self, host, d))
    }

    /// The NIC of a sandbox or container on the gateway bridge, and its IPv4
    /// address.
    pub fn gateway_nic<'a>(&'a self, namespace: &'a Namespace) -> Option<(&'a Device, Ipv4Addr)> {
        let device = namespace.devices.iter().find(|d| {
            self.vni(namespace.at(d)).is_none()
                && (self.bridge(namespace.at(d)))
                    .is_some_and(|(at, _)| at.inode == self.host_namespace)
        })?;
        Some((device, device.ipv4()?))
    }

    /// The NIC of a sandbox or container on that network.
    pub fn nic_on<'a>(&self, namespace: &'a Namespace, network: &Network) -> Option<&'a Device> {
        namespace.devices.iter().find(|d| {
            let vni = self.vni(namespace.at(d));
            vni.is_some_and(|vni| network.vnis.contains(&vni))
        })
    }

    /// A container's IPv4 address on the routing mesh's network.
    pub fn ingress_address(&self, namespace: &Namespace) -> Option<Ipv4Addr> {
        self.nic_on(namespace, self.ingress_network()?)?.ipv4()
    }
}
