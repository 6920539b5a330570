//! The namespaces: devices and what they are connected to, load balancers'
//! tables, and where overlays send frames for other nodes.

use super::names::{host_name, who};
use crate::output::style::{FAINT, HEADING, NAME, NOTE, PLAIN, WRONG, paint};
use crate::output::table::Table;
use crate::topology::{
    Device, DeviceKind, IpvsMatch, Namespace, NamespaceKind, NeighbourState, Network, Topology,
};
use std::collections::BTreeSet;
use std::net::IpAddr;

pub(super) fn namespaces(topology: &Topology) -> String {
    let mut shown: Vec<_> = (topology.namespaces.iter())
        .filter(|n| n.kind != NamespaceKind::Other)
        .collect();
    shown.sort_by_key(|n| (order(&n.kind), &n.name));
    let mut out = String::new();
    for namespace in shown {
        let name = paint(HEADING, &namespace.name);
        let what = what(topology, namespace);
        let inode = paint(FAINT, format!("net:[{}]", namespace.inode));
        out.push_str(&format!("  {name}  {what}{inode}\n"));
        out.push_str(&devices(topology, namespace).render(4));
        out.push_str(&ipvs(topology, namespace).render(6));
        out.push_str(&beyond(topology, namespace).render(6));
    }
    let others = (topology.namespaces.iter())
        .filter(|n| n.kind == NamespaceKind::Other)
        .count();
    if others > 0 {
        let text = format!("and {others} that the Swarm has no part in");
        out.push_str(&format!("  {}\n", paint(FAINT, text)));
    }
    out
}

/// As a connection passes them.
fn order(kind: &NamespaceKind) -> u8 {
    match kind {
        NamespaceKind::Host => 0,
        NamespaceKind::IngressSandbox => 1,
        NamespaceKind::LoadBalancer { .. } => 2,
        NamespaceKind::Overlay { .. } => 3,
        NamespaceKind::Container { .. } => 4,
        NamespaceKind::Other => 5,
    }
}

fn what(topology: &Topology, namespace: &Namespace) -> String {
    let host = namespace.kind == NamespaceKind::Host;
    let networks: BTreeSet<&str> = (namespace.devices.iter())
        // The host's: in host mode only, and then with their VXLAN devices. A
        // pair that is being made starts there as well.
        .filter(|d| !host || matches!(d.kind, DeviceKind::Vxlan { .. }))
        .filter_map(|d| topology.network_of_device(namespace.at(d)))
        .map(|n| n.name.as_str())
        .collect();
    let networks = Vec::from_iter(networks).join(", ");
    let text = match &namespace.kind {
        NamespaceKind::Host if networks.is_empty() => "this node".to_owned(),
        NamespaceKind::Host => format!("this node, with overlays {networks} in it"),
        NamespaceKind::IngressSandbox => "load balancer of the routing mesh".to_owned(),
        NamespaceKind::LoadBalancer { .. } => format!("load balancer of {networks}"),
        NamespaceKind::Overlay { .. } => format!("overlay {networks}"),
        NamespaceKind::Container { container, .. } if container.is_empty() => {
            "a container".to_owned()
        }
        NamespaceKind::Container { container, .. } => {
            format!("container {}", container.get(..12).unwrap_or(container))
        }
        NamespaceKind::Other => String::new(),
    };
    format!("{text}  ")
}

fn devices(topology: &Topology, namespace: &Namespace) -> Table {
    let mut table = Table::default();
    for device in &namespace.devices {
        if device.kind == DeviceKind::Loopback {
            continue;
        }
        let master = (namespace.devices.iter()).find(|d| Some(d.ifindex) == device.master);
        // Virtual addresses last; link-local ones say nothing.
        let mut addresses: Vec<_> = (device.addresses.iter())
            .filter(|a| !matches!(a.addr(), IpAddr::V6(a) if a.is_unicast_link_local()))
            .collect();
        addresses.sort_by_key(|a| a.prefix_len() == a.max_prefix_len());
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        table.row([
            (FAINT, format!("{:>3}", device.ifindex)),
            (NAME, device.name.clone()),
            (PLAIN, kind(&device.kind)),
            match device.up {
                true => (PLAIN, String::new()),
                false => (NOTE, "down".to_owned()),
            },
            (FAINT, format!("mtu {}", device.mtu)),
            (
                PLAIN,
                master.map_or(String::new(), |m| format!("in {}", m.name)),
            ),
            (PLAIN, connected(topology, device)),
            (PLAIN, addresses.join(" ")),
        ]);
    }
    table
}

fn kind(kind: &DeviceKind) -> String {
    match kind {
        DeviceKind::Loopback => "loopback".to_owned(),
        DeviceKind::Veth { .. } => "veth".to_owned(),
        DeviceKind::Bridge => "bridge".to_owned(),
        DeviceKind::Vxlan { vni, port } => format!("vxlan {vni} udp/{port}"),
        DeviceKind::Physical => "nic".to_owned(),
        DeviceKind::Other { kind, .. } => kind.clone(),
    }
}

/// The other end of a veth pair: `↔ ingress_sbox eth1`.
fn connected(topology: &Topology, device: &Device) -> String {
    let DeviceKind::Veth { peer } = device.kind else {
        return String::new();
    };
    match peer.and_then(|peer| topology.device(peer)) {
        Some((namespace, peer)) => format!("↔ {} {}", namespace.name, peer.name),
        // In a namespace that no file leads to.
        None => "↔ elsewhere".to_owned(),
    }
}

/// IPVS of a load balancer. The routing mesh's published services stand among
/// the ports already, but not those it no longer should have.
fn ipvs(topology: &Topology, namespace: &Namespace) -> Table {
    let mut table = Table::default();
    for service in &namespace.ipvs {
        let (matches, owner) = match service.matches {
            IpvsMatch::Fwmark(mark) => {
                let owner = topology.service_by_fwmark(mark);
                (
                    format!("fwmark {mark:#x}"),
                    owner.map(|(s, _)| s.name.clone()),
                )
            }
            IpvsMatch::Address { address, port, .. } => {
                let owner = topology.service_by_vip(address).map(|s| s.name.clone());
                (format!("{address}:{port}"), owner)
            }
        };
        let mut backends: Vec<_> = (service.destinations.iter())
            .map(|d| match topology.task_by_address(d.address) {
                Some(task) => format!("{} {}", d.address, task.name),
                None => d.address.to_string(),
            })
            .collect();
        backends.sort();
        table.row([
            (PLAIN, matches),
            match (owner, &topology.docker) {
                (Some(name), _) => (NAME, name),
                (None, Some(_)) => (NOTE, "! no service known".to_owned()),
                (None, None) => (PLAIN, String::new()),
            },
            (FAINT, service.scheduler.clone()),
            match backends.is_empty() {
                true => (WRONG, "! no backend".to_owned()),
                false => (PLAIN, format!("→ {}", backends.join(", "))),
            },
        ]);
    }
    table
}

/// Who is on other nodes, by the neighbour entries of VXLAN devices, and to
/// which node their frames go, by the forwarding entries. One without the other
/// loses packets.
fn beyond(topology: &Topology, namespace: &Namespace) -> Table {
    let mut table = Table::default();
    for device in &namespace.devices {
        let DeviceKind::Vxlan { .. } = device.kind else {
            continue;
        };
        let network = topology.network_of_device(namespace.at(device));
        let neighbours = || (namespace.neighbours.iter()).filter(|n| n.ifindex == device.ifindex);
        let entries = || (namespace.fdb.iter()).filter(|e| e.ifindex == device.ifindex);
        let mut sorted: Vec<_> = neighbours().collect();
        sorted.sort_by_key(|n| n.address);
        for neighbour in sorted {
            let to: Vec<String> = entries()
                .filter(|e| Some(e.mac) == neighbour.mac)
                .map(|e| node_at(topology, e.vtep))
                .collect();
            table.row([
                (PLAIN, neighbour.address.to_string()),
                (NAME, who_or_empty(topology, network, neighbour.address)),
                (
                    FAINT,
                    neighbour
                        .mac
                        .map_or_else(String::new, |mac| mac.to_string()),
                ),
                match to.is_empty() {
                    true => (WRONG, "! no forwarding entry".to_owned()),
                    false => (PLAIN, format!("→ {}", to.join(", "))),
                },
                match neighbour.state {
                    NeighbourState::Permanent => (FAINT, String::new()),
                    other => (NOTE, other.to_string()),
                },
            ]);
        }
        for entry in entries() {
            // Learned entries need no neighbour, and flood entries have none.
            let set = entry.state == NeighbourState::Permanent && !entry.mac.is_zero();
            if set && !neighbours().any(|n| n.mac == Some(entry.mac)) {
                table.row([
                    (PLAIN, String::new()),
                    (PLAIN, String::new()),
                    (FAINT, entry.mac.to_string()),
                    (PLAIN, format!("→ {}", node_at(topology, entry.vtep))),
                    (WRONG, "! no neighbour entry".to_owned()),
                ]);
            }
        }
    }
    table
}

fn who_or_empty(topology: &Topology, network: Option<&Network>, address: IpAddr) -> String {
    who(topology, network, address).unwrap_or_default()
}

fn node_at(topology: &Topology, vtep: IpAddr) -> String {
    match host_name(topology, vtep) {
        name if name == vtep.to_string() => name,
        name => format!("{name} {vtep}"),
    }
}
