//! Other nodes send to this node's data-path address and expect its packets to
//! come from there. Docker's VXLAN devices have no source address of their own,
//! so the routing table picks one, and may pick another.

use super::finding;
use crate::doctor::swarm;
use crate::doctor::{Examined, Finding, Id, Place, Severity};
use crate::topology::{DeviceKind, Topology};
use std::collections::BTreeSet;
use std::net::IpAddr;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = ports(topology);
    let expected = own_vteps(topology);
    for route in &examined.facts.routes {
        let node = topology.node_name_at(route.to);
        let place = Place::namespace("host").node(&node);
        match route.source {
            None => found.push(Finding {
                why: "Nothing can be sent to that node's part of any overlay.".to_owned(),
                confirm: format!("ip route get {}", route.to),
                fix: "Add the missing route, or bring the device up that had it.".to_owned(),
                ..finding(
                    Id::NoRoute,
                    Severity::Broken,
                    format!("no route to the data path of {node} ({})", route.to),
                    place,
                )
            }),
            Some(source) if !expected.is_empty() && !expected.contains(&source) => {
                let all: Vec<String> = expected.iter().map(ToString::to_string).collect();
                found.push(Finding {
                    why: "The other node has this node's endpoints behind its advertised \
                          address and drops VXLAN packets that come from another one."
                        .to_owned(),
                    issues: &["moby#53004"],
                    confirm: format!("ip route get {}", route.to),
                    fix: format!(
                        "Give the route the right source (ip route change … src {}), or let \
                         the node leave and join again with --data-path-addr {source}.",
                        all.join(" or ")
                    ),
                    ..finding(
                        Id::SourceAddressWrong,
                        Severity::Broken,
                        format!(
                            "VXLAN packets to {node} leave from {source}; this node is known \
                             as {}",
                            all.join(", ")
                        ),
                        place,
                    )
                });
            }
            Some(_) => {}
        }
    }
    found
}

/// Where other nodes believe this node's data path to end: what the gossip says
/// of local tasks, else any address of the node.
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

/// A VXLAN device keeps the port it was made with.
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
        .map(|(namespace, device, has)| Finding {
            why: format!(
                "The Swarm's data path is UDP port {port}: this overlay's packets to other \
                 nodes arrive at a port where nothing listens."
            ),
            issues: &["moby#33416"],
            confirm: swarm::command(namespace, "ip -d link show type vxlan"),
            fix: "Move the network's tasks away from this node and back, so that the device is \
                  made anew."
                .to_owned(),
            ..finding(
                Id::DataPathPortWrong,
                Severity::Broken,
                format!("{} uses UDP port {has} instead of {port}", device.name),
                Place::namespace(&namespace.name).device(&device.name),
            )
        })
        .collect()
}
