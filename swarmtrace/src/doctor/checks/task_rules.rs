//! The rules in a task's namespace: a REDIRECT from the published port to the
//! target port, and a filter that lets only published ports in from the routing
//! mesh.

use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm::command;
use crate::failure::{Location, ReadFrom, TASK_FIREWALL, TASK_REDIRECT_MISSING};
use crate::firewall::{Fate, Hook, Packet};
use crate::topology::{PublishMode, TaskState};

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    for namespace in &topology.namespaces {
        let Some(task) = topology
            .task_of_namespace(namespace)
            .filter(|t| t.state == TaskState::Running)
        else {
            continue;
        };
        let (Some(service), Some(rules), Some(network)) = (
            topology.service(&task.service),
            examined.rules(namespace),
            topology.ingress_network(),
        ) else {
            continue;
        };
        let Some(device) = topology.nic_on(namespace, network) else {
            continue;
        };
        let ports = service
            .ports
            .iter()
            .filter(|p| p.mode == PublishMode::Ingress);
        for port in ports {
            let packet = Packet {
                input: Some(device.name.clone()),
                source: network.load_balancer,
                destination: device.ipv4().map(Into::into),
                destination_local: true,
                protocol: port.protocol.into(),
                destination_port: Some(port.published),
                ..Packet::default()
            };
            let name = port.protocol.port(port.published);
            let place = Location::namespace(&namespace.name)
                .device(&device.name)
                .service(&service.name);
            let walk = rules.walk("nat", "PREROUTING", &packet);
            let wrong = match walk.certain().map(|e| e.fate) {
                Some(Fate::Redirect(to)) => to.is_some_and(|p| p != port.target),
                Some(Fate::Accept) => port.published != port.target,
                _ => false,
            };
            if wrong {
                found.push(
                    Finding::proven(
                        &TASK_REDIRECT_MISSING,
                        Severity::Broken,
                        ReadFrom::Firewall,
                        format!("{} has no REDIRECT of {name} to {}", task.name, port.target),
                        place,
                    )
                    .why(format!(
                        "Connections arrive at the task's port {}, where nothing listens: they \
                         are reset.",
                        port.published
                    ))
                    .confirm(command(namespace, "iptables -t nat -S PREROUTING"))
                    .fix(format!("docker service update --force {}", service.name)),
                );
                continue;
            }
            let inside = Packet {
                destination_port: Some(port.target),
                ..packet
            };
            let walk = rules.traverse(Hook::Input, &inside);
            if let Some(ending) = walk.dropped() {
                found.push(
                    Finding::proven(
                        &TASK_FIREWALL,
                        Severity::Broken,
                        ReadFrom::Firewall,
                        format!(
                            "{} drops its target port {}",
                            task.name,
                            port.protocol.port(port.target)
                        ),
                        place,
                    )
                    .why(format!(
                        "The task's own filter drops what the routing mesh sends: {}.",
                        ending.by
                    ))
                    .confirm_all((ending.by.quote()).map(|quote| command(namespace, &quote.list())))
                    .fix(format!("docker service update --force {}", service.name)),
                );
            }
        }
    }
    found
}
