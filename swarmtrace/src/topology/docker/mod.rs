//! Docker's half of a snapshot: this node and its Swarm.
//!
//! A manager reads everything from the cluster's store. A worker cannot: its
//! services and tasks come from the labels of local containers and from the
//! gossip that each attached network keeps (`docker network inspect
//! --verbose`). The gossip also gives what no store has: the firewall mark
//! that a service carries on this very node.
//!
//! Relied on: moby, daemon/libnetwork/service.go `fwMarkCtr` and agent.go
//! `Network.Services`; labels of daemon/cluster/executor/container.

pub(super) mod api;
mod client;
mod cluster;
mod error;
mod events;
mod gossip;
mod plain;
mod typed;

pub use client::Client;
pub use error::DockerError;
pub use plain::PlainError;

use super::{
    Docker, Endpoint, Network, NetworkDriver, Node, Service, SwarmRole, Task, TaskAddress,
};
use crate::sys::protocol::Protocol;
use api::Answers;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Docker's half of a snapshot.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The daemon and this node's role.
    pub docker: Docker,
    /// This node's host name.
    pub hostname: String,
    /// Networks, except `host` and `none`.
    pub networks: Vec<Network>,
    /// Services.
    pub services: Vec<Service>,
    /// Tasks.
    pub tasks: Vec<Task>,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Running containers of this node.
    pub containers: Vec<Container>,
    /// What could not be asked.
    pub gaps: Vec<String>,
}

/// A running container of this node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    /// Docker's id.
    pub id: String,
    /// Docker's name.
    pub name: String,
    /// Its first process; 0 where it is not known.
    pub pid: u32,
    /// Docker's file for its namespace; empty where it has none.
    pub sandbox: PathBuf,
    /// [`Task::id`], where it is a service's.
    pub task: Option<String>,
}

/// The daemon and this node's role, and nothing else: it takes no right but that
/// to ask Docker.
///
/// # Errors
/// Where no daemon answers.
pub async fn daemon() -> Result<Docker, DockerError> {
    Client::connect().await?.daemon().await
}

/// Turns the answers into the snapshot's shapes.
pub(super) fn interpret(answers: &Answers) -> View {
    let mut view = View {
        docker: said_of_itself(&answers.version, &answers.info),
        hostname: answers.info.name.clone(),
        networks: networks(answers),
        containers: containers(answers),
        gaps: answers.gaps.clone(),
        ..View::default()
    };
    cluster::nodes(answers, &mut view);
    cluster::services(answers, &mut view);
    cluster::tasks(answers, &mut view);
    gossip::local_containers(answers, &mut view);
    gossip::networks(answers, &mut view);
    // The routing mesh's first.
    view.networks
        .sort_by(|a, b| (!a.ingress, &a.name).cmp(&(!b.ingress, &b.name)));
    view.services.sort_by(|a, b| a.name.cmp(&b.name));
    view.tasks.sort_by(|a, b| a.name.cmp(&b.name));
    view.nodes
        .sort_by(|a, b| (!a.local, &a.hostname).cmp(&(!b.local, &b.hostname)));
    view
}

fn said_of_itself(version: &api::Version, info: &api::Info) -> Docker {
    let swarm = &info.swarm;
    let role = match (swarm.control_available, swarm.node_id.is_empty()) {
        (true, _) => SwarmRole::Manager,
        (false, false) => SwarmRole::Worker,
        (false, true) => SwarmRole::Inactive,
    };
    Docker {
        version: version.version.clone(),
        api_version: version.api_version.clone(),
        role,
        node_id: swarm.node_id.clone(),
        data_path_port: swarm.cluster.data_path_port,
    }
}

fn networks(answers: &Answers) -> Vec<Network> {
    (answers.networks.iter())
        .filter(|n| !matches!(n.driver, NetworkDriver::Host | NetworkDriver::Null))
        .map(|n| Network {
            id: n.id.clone(),
            name: n.name.clone(),
            driver: n.driver.clone(),
            ingress: n.ingress,
            vnis: (n
                .options
                .get("com.docker.network.driver.overlay.vxlanid_list"))
            .map(|list| {
                list.split(',')
                    .filter_map(|v| v.trim().parse().ok())
                    .collect()
            })
            .unwrap_or_default(),
            subnets: (n.ipam.config.iter())
                .filter_map(|c| c.subnet.parse().ok())
                .collect(),
            encrypted: (n.options.get("encrypted"))
                .is_some_and(|v| !matches!(v.as_str(), "false" | "0")),
            dsr: n.options.contains_key("dsr"),
            load_balancer: (n.containers.iter())
                .find(|(key, _)| key.starts_with("lb-") || *key == "ingress-sbox")
                .and_then(|(_, c)| address(&c.ipv4_address)),
            endpoints: Vec::new(),
        })
        .collect()
}

fn containers(answers: &Answers) -> Vec<Container> {
    (answers.containers.iter())
        .map(|c| {
            let inspected = answers.sandboxes.get(&c.id);
            Container {
                id: c.id.clone(),
                name: (c.names.first())
                    .map(|n| n.trim_start_matches('/').to_owned())
                    .unwrap_or_default(),
                pid: inspected.map_or(0, |i| i.state.pid),
                sandbox: inspected
                    .map(|i| PathBuf::from(&i.network_settings.sandbox_key))
                    .unwrap_or_default(),
                task: (c.labels.get("com.docker.swarm.task.id"))
                    .filter(|id| !id.is_empty())
                    .cloned(),
            }
        })
        .collect()
}

/// `10.0.0.5/24`, `10.0.0.5`, `192.168.90.1:2377`; none for `<nil>`, empty and
/// `0.0.0.0`.
fn address(text: &str) -> Option<IpAddr> {
    let address = (text.parse::<IpAddr>())
        .or_else(|_| text.parse::<IpNet>().map(|net| net.addr()))
        .or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()))
        .ok()?;
    (!address.is_unspecified()).then_some(address)
}

/// A port's protocol by Docker's name for it; empty is TCP.
fn protocol(name: &str) -> Option<Protocol> {
    match name {
        "" => Some(Protocol::Tcp),
        name => name.parse().ok(),
    }
}

/// The parts of a task container's name, which is also the gossip's:
/// `vote.2.x141j7…`, of a global service `vote.1pazkg….x141j7…` with the
/// node's id.
#[derive(Clone, Copy, Debug, PartialEq)]
struct TaskName<'a> {
    service: &'a str,
    slot_or_node: &'a str,
    id: &'a str,
}

impl<'a> TaskName<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let mut parts = name.rsplitn(3, '.');
        let (id, slot_or_node, service) = (parts.next()?, parts.next()?, parts.next()?);
        let identifier = |s: &str| s.len() == 25 && s.bytes().all(|b| b.is_ascii_alphanumeric());
        let slot = slot_or_node.bytes().all(|b| b.is_ascii_digit()) && !slot_or_node.is_empty();
        (identifier(id) && (slot || identifier(slot_or_node)) && !service.is_empty()).then_some(
            Self {
                service,
                slot_or_node,
                id,
            },
        )
    }

    /// The id of the node it runs on: only a global service's name says.
    fn node(&self) -> Option<&'a str> {
        (self.slot_or_node.len() == 25).then_some(self.slot_or_node)
    }

    /// `vote.2`, `vote.<node name>`
    fn for_people(&self, nodes: &[Node]) -> String {
        let part = match self.node() {
            None => self.slot_or_node,
            Some(id) => node_name(nodes, id),
        };
        format!("{}.{part}", self.service)
    }
}

/// A node's host name, else the start of its id.
fn node_name<'a>(nodes: &'a [Node], id: &'a str) -> &'a str {
    (nodes.iter().find(|n| n.id == id))
        .map(|n| n.hostname.as_str())
        .filter(|name| !name.is_empty())
        .unwrap_or(id.get(..12).unwrap_or(id))
}

/// Adds a task, or what is new of it to the one with its id.
fn merge(tasks: &mut Vec<Task>, task: Task) {
    let Some(known) = tasks.iter_mut().find(|t| t.id == task.id) else {
        tasks.push(task);
        return;
    };
    if known.node.is_empty() {
        known.node = task.node;
    }
    if known.container.is_none() {
        known.container = task.container;
    }
    for address in task.addresses {
        if !known.addresses.contains(&address) {
            known.addresses.push(address);
        }
    }
}

fn merge_endpoint(networks: &mut [Network], network: &str, endpoint: Endpoint) {
    let Some(network) = networks.iter_mut().find(|n| n.id == network) else {
        return;
    };
    match (network.endpoints.iter_mut()).find(|e| e.address == endpoint.address) {
        Some(known) => known.host = known.host.or(endpoint.host),
        None => network.endpoints.push(endpoint),
    }
}

fn task_address(network: &str, address: IpAddr) -> TaskAddress {
    TaskAddress {
        network: network.to_owned(),
        address,
    }
}

/// The local ports of a `/proc/net/udp` text.
fn local_ports(text: &str) -> Vec<u16> {
    (text.lines().skip(1))
        .filter_map(|line| line.split_ascii_whitespace().nth(1))
        .filter_map(|local| u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests;
