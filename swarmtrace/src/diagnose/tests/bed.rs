//! The synthetic Swarm, completed, and names for what is in it.

use crate::diagnose::Tap;
use crate::timeline::Direction;
use crate::topology::{
    Device, DeviceKind, Docker, FdbEntry, Mac, NamespaceKind, Neighbour, NeighbourState, SwarmRole,
    Topology,
};
use std::net::IpAddr;

pub fn all_taps(topology: &Topology) -> impl Iterator<Item = Tap> + '_ {
    topology.namespaces.iter().flat_map(|n| {
        n.devices.iter().flat_map(move |d| {
            [Direction::Ingress, Direction::Egress].map(|way| Tap { at: n.at(d), way })
        })
    })
}

pub fn node(netns: u32) -> &'static str {
    if netns < 200 { "node-a" } else { "node-b" }
}

pub fn address(text: &str) -> IpAddr {
    text.parse()
        .unwrap_or_else(|_| panic!("no address: {text}"))
}

/// The MAC that Docker gives an address.
pub fn mac(address: IpAddr) -> Mac {
    Mac::derived_from(address).unwrap_or_default()
}

/// Completes what the synthetic topology leaves out: bridges, virtual addresses
/// on the load balancers, the other node's neighbour and forwarding entries.
pub fn real(mut topology: Topology) -> Topology {
    let at_a = topology.hostname == "node-a";
    topology.docker = Some(Docker {
        version: "26.1.5".to_owned(),
        role: SwarmRole::Manager,
        data_path_port: 4789,
        ..Docker::default()
    });
    let (other, last) = if at_a {
        ("192.168.50.2", 1)
    } else {
        ("192.168.50.1", 0)
    };
    let remote = |subnet: u8| {
        let (task, balancer) = if subnet == 0 { (7, 2) } else { (3, 5) };
        [task + last, balancer + last].map(|d| IpAddr::from([10, 0, subnet, d]))
    };
    let mut overlays = 0;
    for namespace in &mut topology.namespaces {
        match namespace.kind {
            NamespaceKind::Overlay { .. } => {
                for device in &mut namespace.devices {
                    device.master = Some(1);
                    device.mtu = 1450;
                }
                namespace.devices.push(Device {
                    ifindex: 1,
                    name: "br0".to_owned(),
                    kind: DeviceKind::Bridge,
                    mac: None,
                    mtu: 1450,
                    up: true,
                    master: None,
                    addresses: vec![],
                });
                let far = remote(overlays);
                overlays += 1;
                namespace.neighbours = far
                    .map(|address| Neighbour {
                        ifindex: 15,
                        address,
                        mac: Some(mac(address)),
                        state: NeighbourState::Permanent,
                    })
                    .to_vec();
                namespace.fdb = far
                    .map(|far| FdbEntry {
                        ifindex: 15,
                        mac: mac(far),
                        vtep: address(other),
                        state: NeighbourState::Permanent,
                    })
                    .to_vec();
            }
            NamespaceKind::Host => {
                for device in &mut namespace.devices {
                    if matches!(device.kind, DeviceKind::Veth { .. }) {
                        device.master = Some(3);
                    }
                }
            }
            NamespaceKind::LoadBalancer { .. } => {
                let vip = "10.0.1.2/32".parse().unwrap_or_else(|_| panic!("address"));
                namespace.devices[0].addresses.push(vip);
            }
            _ => {}
        }
    }
    // The client's container is node A's.
    if !at_a {
        topology.namespaces.retain(|n| n.name != "client");
    }
    topology
}
