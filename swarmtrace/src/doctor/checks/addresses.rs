//! Local tasks must have the addresses that Docker gave them.

use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm::command;
use crate::failure::{ADDRESS_MISSING, Location, ReadFrom};
use crate::topology::{Network, Task, TaskState};
use std::net::IpAddr;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    for namespace in &topology.namespaces {
        let task = topology.task_of_namespace(namespace);
        let Some(task) = task.filter(|t| t.state == TaskState::Running) else {
            continue;
        };
        for (network, address) in given(task, &topology.networks) {
            if namespace.holds(address) {
                continue;
            }
            let place = Location::namespace(&namespace.name)
                .network(&network.name)
                .service(&task.service);
            let device = topology.nic_on(namespace, network);
            let at_once = device.map(|d| {
                let prefix = (network.subnets.iter())
                    .find(|s| s.contains(&address))
                    .map_or(32, ipnet::IpNet::prefix_len);
                let add = format!("ip address add {address}/{prefix} dev {}", d.name);
                format!(" At once: {}", command(namespace, &add))
            });
            let place = match device {
                Some(device) => place.device(&device.name),
                None => place,
            };
            found.push(
                Finding::proven(
                    &ADDRESS_MISSING,
                    Severity::Broken,
                    ReadFrom::Devices,
                    format!("{} does not have its address {address}", task.name),
                    place,
                )
                .why(
                    "The container takes packets for the address as somebody else's, and does \
                     not answer ARP for it: connections to the task hang.",
                )
                .confirm(command(namespace, "ip -br address"))
                .fix(format!(
                    "docker service update --force {}{}",
                    task.service,
                    at_once.map_or_else(String::new, |text| format!(".{text}"))
                )),
            );
        }
    }
    found
}

/// The addresses that Docker gave a task on overlays of this node.
fn given<'a>(
    task: &'a Task,
    networks: &'a [Network],
) -> impl Iterator<Item = (&'a Network, IpAddr)> {
    task.addresses.iter().filter_map(|given| {
        let network = networks.iter().find(|n| n.id == given.network)?;
        network.is_overlay().then_some((network, given.address))
    })
}
