//! The data path's source address, port and routes.
//!
//! Other nodes expect this node's VXLAN packets from its data-path address.
//! Docker's VXLAN devices have no source address, so the routing table chooses
//! one, and may choose another.

use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm;
use crate::failure::{DATA_PATH_PORT_WRONG, Location, NO_ROUTE, ReadFrom, SOURCE_VTEP_MISMATCH};
use crate::topology::{DeviceKind, Topology};
use std::collections::BTreeSet;
use std::net::IpAddr;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = ports(topology);
    let expected = own_vteps(topology);
    for route in &examined.facts.routes {
        let node = topology.node_name_at(route.to);
        let place = Location::namespace("host").node(&node);
        match route.source {
            None => found.push(
                Finding::proven(
                    &NO_ROUTE,
                    Severity::Broken,
                    ReadFrom::Routes,
                    format!("no route to the data path of {node} ({})", route.to),
                    place,
                )
                .why("Nothing can be sent to that node's part of any overlay.")
                .confirm(format!("ip route get {}", route.to))
                .fix("Add the missing route, or bring the device up that had it."),
            ),
            Some(source) if !expected.is_empty() && !expected.contains(&source) => {
                let all: Vec<String> = expected.iter().map(ToString::to_string).collect();
                found.push(
                    Finding::proven(
                        &SOURCE_VTEP_MISMATCH,
                        Severity::Broken,
                        ReadFrom::Routes,
                        format!(
                            "VXLAN packets to {node} leave from {source}; this node is known \
                             as {}",
                            all.join(", ")
                        ),
                        place,
                    )
                    .why(
                        "The other node has this node's endpoints behind its advertised \
                          address and drops VXLAN packets that come from another one.",
                    )
                    .confirm(format!("ip route get {}", route.to))
                    .fix(format!(
                        "Give the route the right source (ip route change … src {}), or let \
                         the node leave and join again with --data-path-addr {source}.",
                        all.join(" or ")
                    )),
                );
            }
            Some(_) => {}
        }
    }
    found
}

/// The addresses behind which other nodes have this node's endpoints: those that
/// the gossip has for local tasks, else any address of the node.
fn own_vteps(topology: &Topology) -> BTreeSet<IpAddr> {
    let Some(node) = topology.local_node() else {
        return BTreeSet::new();
    };
    let of_tasks: BTreeSet<IpAddr> = (topology.networks.iter())
        .flat_map(|n| &n.endpoints)
        .filter(|e| {
            e.service.is_some()
                && (topology.task_by_address(e.address)).is_some_and(|t| t.node == node.id)
        })
        .filter_map(|e| e.host)
        .collect();
    match of_tasks.is_empty() {
        false => of_tasks,
        true => node.addresses.iter().copied().collect(),
    }
}

/// VXLAN devices with another UDP port than the Swarm's: a device keeps the port
/// that it was made with.
fn ports(topology: &Topology) -> Vec<Finding> {
    let port = topology.docker.as_ref().map_or(0, |d| d.data_path_port);
    let devices = topology
        .namespaces
        .iter()
        .flat_map(|n| n.devices.iter().map(move |d| (n, d)));
    let wrong = devices.filter_map(|(namespace, device)| match device.kind {
        DeviceKind::Vxlan { port: has, vni }
            if has != port && port != 0 && topology.network_by_vni(vni).is_some() =>
        {
            Some((namespace, device, has))
        }
        _ => None,
    });
    wrong
        .map(|(namespace, device, has)| {
            Finding::proven(
                &DATA_PATH_PORT_WRONG,
                Severity::Broken,
                ReadFrom::Routes,
                format!("{} uses UDP port {has} instead of {port}", device.name),
                Location::namespace(&namespace.name).device(&device.name),
            )
            .why(format!(
                "The Swarm's data path is UDP port {port}: this overlay's packets to other \
                 nodes arrive at a port where nothing listens."
            ))
            .confirm(swarm::command(namespace, "ip -d link show type vxlan"))
            .fix(
                "Move the network's tasks away from this node and back, so that the device is \
                  made again.",
            )
        })
        .collect()
}
