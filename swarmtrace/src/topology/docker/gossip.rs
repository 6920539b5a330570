//! What local containers and the networks' gossip say: on a worker this is all
//! there is; on a manager it adds what the store does not have (firewall marks,
//! load balancers' addresses, the data-path addresses of nodes, tasks that are
//! being replaced but still run).

use super::api::{self, Answers, Container, NetworkService, NetworkTask};
use super::cluster::{add, node};
use super::{TaskName, View, address, merge, merge_endpoint, protocol, task_address};
use crate::sys::protocol::Protocol;
use crate::topology::{
    Endpoint, EndpointMode, Fwmark, NetworkDriver, Node, PublishMode, PublishedPort, Service,
    SwarmRole, Task, TaskState, Vip,
};

/// Tasks and services of the containers that run here, by their Docker labels.
pub(super) fn local_containers(answers: &Answers, view: &mut View) {
    for container in &answers.containers {
        let label = |name: &str| {
            (container.labels.get(&format!("com.docker.swarm.{name}")))
                .map(String::as_str)
                .unwrap_or_default()
        };
        let Some(name) = TaskName::parse(label("task.name")) else {
            continue;
        };
        let settings = container.network_settings.networks.values();
        let addresses = settings
            .flat_map(|n| {
                [&n.ip_address, &n.global_ipv6_address]
                    .into_iter()
                    .filter_map(|text| Some(task_address(&n.network_id, address(text)?)))
            })
            .filter(|a| {
                let network = view.networks.iter().find(|n| n.id == a.network);
                network.is_some_and(|n| n.driver == NetworkDriver::Overlay)
            })
            .collect();
        let task = Task {
            id: name.id.to_owned(),
            service: label("service.name").to_owned(),
            name: name.for_people(&view.nodes),
            node: label("node.id").to_owned(),
            container: Some(container.id.clone()),
            addresses,
            state: TaskState::Running,
        };
        merge(&mut view.tasks, task);
        let service = service(&mut view.services, label("service.name"));
        if service.id.is_empty() {
            label("service.id").clone_into(&mut service.id);
        }
        host_ports(service, container);
    }
}

/// A container's own published ports are its service's in mode `host`; the
/// routing mesh's are not the container's.
fn host_ports(service: &mut Service, container: &Container) {
    for port in &container.ports {
        if let Some(protocol) = protocol(&port.r#type)
            && port.public_port != 0
        {
            add_port(
                service,
                PublishedPort {
                    protocol,
                    published: port.public_port,
                    target: port.private_port,
                    mode: PublishMode::Host,
                },
            );
        }
    }
}

/// Services, tasks, endpoints and node addresses, by the networks' gossip.
pub(super) fn networks(answers: &Answers, view: &mut View) {
    let overlays = || {
        answers
            .networks
            .iter()
            .filter(|n| n.driver == NetworkDriver::Overlay)
    };
    for network in overlays() {
        for (name, gossip) in &network.services {
            if !name.is_empty() {
                a_service(answers, view, &network.id, name, gossip);
            }
            for task in &gossip.tasks {
                a_task(view, network, name, task);
            }
        }
        local_endpoints(view, network);
    }
    // Only now: the node of every task is known.
    for peer in overlays().flat_map(|n| &n.peers) {
        if let Some(address) = address(&peer.ip)
            && !view.nodes.iter().any(|n| n.addresses.contains(&address))
        {
            view.nodes.push(Node {
                addresses: vec![address],
                ..Node::default()
            });
        }
    }
    for task in view.tasks.iter_mut().filter(|t| t.node.is_empty()) {
        let mut endpoints = view.networks.iter().flat_map(|n| &n.endpoints);
        let host = endpoints
            .find(|e| task.addresses.iter().any(|a| a.address == e.address))
            .and_then(|e| e.host);
        if let Some(node) =
            (view.nodes.iter()).find(|n| host.is_some_and(|host| n.addresses.contains(&host)))
        {
            task.node.clone_from(&node.id);
        }
    }
}

fn a_task(view: &mut View, network: &api::Network, service: &str, gossip: &NetworkTask) {
    let Some(address_of_task) = address(&gossip.endpoint_ip) else {
        return;
    };
    let host = gossip.info.get("Host IP").and_then(|text| address(text));
    let parsed = TaskName::parse(&gossip.name);
    if let (Some(parsed), false) = (parsed, service.is_empty()) {
        let task = Task {
            id: parsed.id.to_owned(),
            service: service.to_owned(),
            name: parsed.for_people(&view.nodes),
            node: parsed.node().unwrap_or_default().to_owned(),
            container: None,
            addresses: vec![task_address(&network.id, address_of_task)],
            state: TaskState::Running,
        };
        merge(&mut view.tasks, task);
        // The address is that node's data path's.
        let known = view.tasks.iter().find(|t| t.id == parsed.id);
        if let Some(known) = known.filter(|t| !t.node.is_empty()) {
            add(node(&mut view.nodes, &known.node), host);
        }
    }
    let endpoint = Endpoint {
        name: match parsed {
            Some(parsed) => parsed.for_people(&view.nodes),
            None if gossip.name == format!("{}-endpoint", network.name) => {
                Endpoint::LOAD_BALANCER.into()
            }
            None => gossip.name.clone(),
        },
        service: Some(service.to_owned()).filter(|n| !n.is_empty()),
        address: address_of_task,
        host,
    };
    merge_endpoint(&mut view.networks, &network.id, endpoint);
}

/// Endpoints of this node: its own load balancer is in no gossip.
fn local_endpoints(view: &mut View, network: &api::Network) {
    let local = view.nodes.iter().find(|n| n.local);
    let mut here = local.and_then(|n| n.addresses.first().copied());
    // The data path's address may differ from the advertised one.
    if let Some(known) = view.networks.iter().find(|n| n.id == network.id) {
        let mut addresses = network
            .containers
            .values()
            .map(|c| address(&c.ipv4_address));
        let host = addresses.find_map(|a| {
            let endpoint = known.endpoints.iter().find(|e| Some(e.address) == a)?;
            endpoint.host
        });
        here = host.or(here);
    }
    for (key, container) in &network.containers {
        let Some(address) = address(&container.ipv4_address) else {
            continue;
        };
        let parsed = TaskName::parse(&container.name);
        let endpoint = Endpoint {
            name: match parsed {
                Some(parsed) => parsed.for_people(&view.nodes),
                None if key.starts_with("lb-") || key == "ingress-sbox" => {
                    Endpoint::LOAD_BALANCER.into()
                }
                None => container.name.clone(),
            },
            service: parsed.map(|p| p.service.to_owned()),
            address,
            host: here,
        };
        merge_endpoint(&mut view.networks, &network.id, endpoint);
    }
}

fn a_service(
    answers: &Answers,
    view: &mut View,
    network: &str,
    name: &str,
    gossip: &NetworkService,
) {
    let service = service(&mut view.services, name);
    // A service without a virtual address is counted a mark too, and has no
    // use for it.
    if let Some(address) = address(&gossip.vip) {
        let network = network.to_owned();
        if gossip.local_lb_index != 0 {
            service.fwmarks.push(Fwmark {
                network: network.clone(),
                mark: gossip.local_lb_index,
            });
        }
        if !service.vips.iter().any(|v| v.address == address) {
            service.vips.push(Vip { network, address });
        }
    }
    // On a manager the rest is from the store, a port's protocol included.
    if view.docker.role != SwarmRole::Manager {
        service.endpoint_mode = match service.vips.is_empty() {
            true => EndpointMode::Dnsrr,
            false => EndpointMode::Vip,
        };
        mesh_ports(service, &gossip.ports, &answers.udp_ports);
    }
}

/// The gossip has no protocol for a port. A port that it lists twice is TCP and
/// UDP; one that it lists once is what this node is bound to it with.
fn mesh_ports(service: &mut Service, gossip: &[String], udp_ports: &[u16]) {
    let ports: Vec<(u16, u16)> = gossip
        .iter()
        .filter_map(|p| target_and_published(p))
        .collect();
    for (at, &(target, published)) in ports.iter().enumerate() {
        if published == 0 {
            continue;
        }
        let before = ports[..at].contains(&(target, published));
        let after = ports[at + 1..].contains(&(target, published));
        let udp = before || (!after && udp_ports.contains(&published));
        add_port(
            service,
            PublishedPort {
                protocol: if udp { Protocol::Udp } else { Protocol::Tcp },
                published,
                target,
                mode: PublishMode::Ingress,
            },
        );
    }
}

fn service<'a>(services: &'a mut Vec<Service>, name: &str) -> &'a mut Service {
    let at = services
        .iter()
        .position(|s| s.name == name)
        .unwrap_or_else(|| {
            services.push(Service {
                name: name.to_owned(),
                ..Service::default()
            });
            services.len() - 1
        });
    &mut services[at]
}

fn add_port(service: &mut Service, port: PublishedPort) {
    if !service.ports.contains(&port) {
        service.ports.push(port);
    }
}

/// `Target: 80, Publish: 8080`
fn target_and_published(text: &str) -> Option<(u16, u16)> {
    let (target, published) = text.split_once(',')?;
    let number = |part: &str| part.rsplit_once(':')?.1.trim().parse().ok();
    Some((number(target)?, number(published)?))
}
