//! The cluster's store, which only managers can read: on a worker these find
//! nothing but the node itself and its managers.

use super::api::Answers;
use super::{View, address, node_name, protocol, task_address};
use crate::topology::{EndpointMode, Node, PublishMode, PublishedPort, Service, Task, Vip};
use std::net::IpAddr;

pub(super) fn nodes(answers: &Answers, view: &mut View) {
    for node in &answers.nodes {
        let mut known = Node {
            id: node.id.clone(),
            hostname: node.description.hostname.clone(),
            ..Node::default()
        };
        add(&mut known, address(&node.status.addr));
        add(&mut known, address(&node.manager_status.addr));
        view.nodes.push(known);
    }
    let swarm = &answers.info.swarm;
    for manager in &swarm.remote_managers {
        let node = node(&mut view.nodes, &manager.node_id);
        add(node, address(&manager.addr));
    }
    if !swarm.node_id.is_empty() {
        let node = node(&mut view.nodes, &swarm.node_id);
        node.local = true;
        if node.hostname.is_empty() {
            node.hostname.clone_from(&answers.info.name);
        }
        add(node, address(&swarm.node_addr));
    }
}

/// The node with that id, added where it was not known.
pub(super) fn node<'a>(nodes: &'a mut Vec<Node>, id: &str) -> &'a mut Node {
    let at = nodes.iter().position(|n| n.id == id).unwrap_or_else(|| {
        nodes.push(Node {
            id: id.to_owned(),
            ..Node::default()
        });
        nodes.len() - 1
    });
    &mut nodes[at]
}

pub(super) fn add(node: &mut Node, address: Option<IpAddr>) {
    if let Some(address) = address
        && !node.addresses.contains(&address)
    {
        node.addresses.push(address);
    }
}

pub(super) fn services(answers: &Answers, view: &mut View) {
    view.services.extend(answers.services.iter().map(|service| {
        Service {
            id: service.id.clone(),
            name: service.spec.name.clone(),
            endpoint_mode: match service.spec.endpoint_spec.mode.as_str() {
                "dnsrr" => EndpointMode::Dnsrr,
                _ => EndpointMode::Vip,
            },
            ports: (service.endpoint.ports.iter())
                .filter_map(|port| {
                    Some(PublishedPort {
                        protocol: protocol(&port.protocol)?,
                        published: port.published_port,
                        target: port.target_port,
                        mode: match port.publish_mode.as_str() {
                            "host" => PublishMode::Host,
                            _ => PublishMode::Ingress,
                        },
                    })
                })
                .collect(),
            vips: (service.endpoint.virtual_ips.iter())
                .filter_map(|vip| {
                    Some(Vip {
                        network: vip.network_id.clone(),
                        address: address(&vip.addr)?,
                    })
                })
                .collect(),
            fwmarks: Vec::new(),
        }
    }));
}

pub(super) fn tasks(answers: &Answers, view: &mut View) {
    for task in &answers.tasks {
        // Tasks without a service are attachments of single containers.
        let Some(service) = view.services.iter().find(|s| s.id == task.service_id) else {
            continue;
        };
        let part = match task.slot {
            0 => node_name(&view.nodes, &task.node_id).to_owned(),
            slot => slot.to_string(),
        };
        let attachments = task.networks_attachments.iter();
        view.tasks.push(Task {
            id: task.id.clone(),
            service: service.name.clone(),
            name: format!("{}.{part}", service.name),
            node: task.node_id.clone(),
            container: Some(task.status.container_status.container_id.clone())
                .filter(|id| !id.is_empty()),
            addresses: attachments
                .flat_map(|a| {
                    (a.addresses.iter())
                        .filter_map(|text| Some(task_address(&a.network.id, address(text)?)))
                })
                .collect(),
            state: task.status.state.as_str().into(),
        });
    }
}
