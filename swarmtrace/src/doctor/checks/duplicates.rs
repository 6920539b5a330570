//! Each address on an overlay must have one owner.

use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm;
use crate::failure::{DUPLICATE_ADDRESS, Location, ReadFrom};
use crate::topology::{
    Device, DeviceKind, Namespace, NamespaceKind, NeighbourState, Network, NetworkDriver, Topology,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let overlays = topology
        .networks
        .iter()
        .filter(|n| n.driver == NetworkDriver::Overlay);
    let mut found = Vec::new();
    for network in overlays {
        let mut owners: BTreeMap<IpAddr, BTreeSet<String>> = BTreeMap::new();
        let mut places: BTreeMap<IpAddr, (&Namespace, &Device)> = BTreeMap::new();
        let mut add = |address: IpAddr, owner: String, at: Option<(_, _)>| {
            owners.entry(address).or_default().insert(owner);
            // The device of the owner that Docker does not know, where there is one.
            places.extend(at.map(|at| (address, at)));
        };
        for task in &topology.tasks {
            for address in task.addresses.iter().filter(|a| a.network == network.id) {
                add(
                    address.address,
                    format!("task {} ({:.12})", task.name, task.id),
                    None,
                );
            }
        }
        for service in &topology.services {
            for vip in service.vips.iter().filter(|v| v.network == network.id) {
                add(
                    vip.address,
                    format!("virtual address of {}", service.name),
                    None,
                );
            }
        }
        for namespace in &topology.namespaces {
            on_device(topology, network, namespace, &mut add);
        }
        for (address, owners) in owners.into_iter().filter(|(_, o)| o.len() > 1) {
            let owners: Vec<String> = owners.into_iter().collect();
            let inspect = format!("docker network inspect --verbose {}", network.name);
            let place = Location::default().network(&network.name);
            let on_device = places.contains_key(&address);
            let (place, confirm) = match places.get(&address) {
                Some((at, device)) => {
                    let show = format!("ip -4 address show {}", device.name);
                    let place = Location {
                        network: place.network,
                        ..Location::namespace(&at.name).device(&device.name)
                    };
                    let show = swarm::command(at, &show);
                    (place, vec![show, inspect])
                }
                None => (place, vec![inspect]),
            };
            let what = format!("{address} belongs to {}", owners.join(" and "));
            let (failure, severity) = (&DUPLICATE_ADDRESS, Severity::Broken);
            let finding = match on_device {
                true => Finding::proven(failure, severity, ReadFrom::Devices, what, place),
                false => Finding::likely(failure, severity, what, place),
            };
            found.push(
                finding
                .why(
                    "Both owners answer ARP for the address: connections to it reach one or the \
                      other, or are reset.",
                )
                .confirm_all(confirm)
                .fix(
                    "Replace one of the two (docker service update --force, or docker restart): it \
                      gets another address.",
                ),
            );
        }
    }
    found
}

/// Adds the owners that the kernel has: containers that are no known task, and
/// addresses of this node that the overlay's tables place on another.
fn on_device<'a>(
    topology: &'a Topology,
    network: &Network,
    namespace: &'a Namespace,
    add: &mut impl FnMut(IpAddr, String, Option<(&'a Namespace, &'a Device)>),
) {
    let balancer = matches!(
        namespace.kind,
        NamespaceKind::IngressSandbox | NamespaceKind::LoadBalancer { .. }
    );
    if let Some(device) = topology.nic_on(namespace, network)
        && !matches!(
            namespace.kind,
            NamespaceKind::Overlay { .. } | NamespaceKind::Host
        )
    {
        let task = topology.task_of_namespace(namespace);
        for address in device.addresses.iter().map(ipnet::IpNet::addr) {
            // A load balancer has its services' virtual addresses.
            if balancer && topology.service_by_vip(address).is_some() {
                continue;
            }
            // A task whose address this is, under its own name.
            let (owner, at) = match task {
                Some(t) if t.addresses.iter().any(|a| a.address == address) => {
                    (format!("task {} ({:.12})", t.name, t.id), None)
                }
                // With direct server return, tasks have the virtual address too.
                Some(_) if topology.service_by_vip(address).is_some() => continue,
                _ if address.is_ipv6() => continue,
                _ => (
                    format!("{} on this node", namespace.name),
                    Some((namespace, device)),
                ),
            };
            add(address, owner, at);
        }
    }
    // Entries that Docker made, of addresses that are also here.
    let vxlan = namespace.devices.iter().filter(|d| match d.kind {
        DeviceKind::Vxlan { vni, .. } => network.vnis.contains(&vni),
        _ => false,
    });
    for device in vxlan {
        for entry in namespace
            .neighbours
            .iter()
            .filter(|n| n.ifindex == device.ifindex)
        {
            let local = topology.namespaces.iter().any(|n| {
                !matches!(n.kind, NamespaceKind::Overlay { .. } | NamespaceKind::Host)
                    && topology
                        .nic_on(n, network)
                        .is_some_and(|d| d.addresses.iter().any(|a| a.addr() == entry.address))
            });
            let fdb = namespace.fdb.iter().find(|e| Some(e.mac) == entry.mac);
            if local
                && let Some(fdb) = fdb
                && entry.state == NeighbourState::Permanent
            {
                let node = topology.node_by_address(fdb.vtep);
                let task = topology.task_by_address(entry.address);
                // The entry is of that task itself.
                if node.is_some_and(|n| task.is_some_and(|t| t.node == n.id)) {
                    continue;
                }
                let node = topology.node_name_at(fdb.vtep);
                add(entry.address, format!("something on {node}"), None);
            }
        }
    }
}
