//! What will be sent, and from where: nothing but the service's own addresses.

use super::Limits;
use crate::sys::protocol::Protocol;
use crate::topology::{Namespace, Network, PublishMode, Service, Topology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// Most targets; the report says how many more were left out.
const MOST_TARGETS: usize = 64;
/// Echoes that find the largest size that passes: an MTU's bits.
const FINDING: u32 = 11;
/// With and without checksum.
const DATAGRAMS: u32 = 2;

/// How a target is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    /// As a client does: by the published port of this node.
    Mesh,
    /// From a load balancer's namespace to a task's address.
    Direct,
}

/// One address to ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// How it is reached.
    pub entry: Entry,
    /// Namespace that is sent from.
    pub from: String,
    /// A file that opens it.
    #[serde(skip)]
    pub path: PathBuf,
    /// Network that is crossed.
    pub network: String,
    /// Where to.
    pub address: Ipv4Addr,
    /// TCP port, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The task; none through the mesh, which chooses one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The task's node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// It is another node than this one.
    pub remote: bool,
    /// The overlay's MTU; none through the mesh, which is asked for TCP alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Handshakes to make.
    pub handshakes: u32,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// This node.
    pub node: String,
    /// The service.
    pub service: String,
    /// Where to.
    pub targets: Vec<Target>,
    /// What is left out and why, a line each.
    pub not_probed: Vec<String>,
}

/// Plans for a service, as seen from this node.
pub fn plan(topology: &Topology, service: &Service, limits: Limits) -> Plan {
    let mut plan = Plan {
        node: topology.hostname.clone(),
        service: service.name.clone(),
        ..Plan::default()
    };
    plan.mesh(topology, service, limits);
    for (sandbox, network) in topology.load_balancers() {
        plan.direct(topology, service, sandbox, network);
    }
    for network in &topology.networks {
        let reached = topology.load_balancers().any(|(_, n)| n.id == network.id);
        let tasks = topology.backends(&service.name, &network.id).count();
        if tasks > 0 && !reached {
            plan.not_probed.push(format!(
                "{tasks} tasks on {}: this node has no load balancer there to send from",
                network.name
            ));
        }
    }
    if plan.targets.len() > MOST_TARGETS {
        let more = plan.targets.len() - MOST_TARGETS;
        plan.targets.truncate(MOST_TARGETS);
        plan.not_probed.push(format!(
            "{more} more addresses: {MOST_TARGETS} are enough at once"
        ));
    }
    plan
}

impl Plan {
    /// Handshakes with the node's own published port.
    fn mesh(&mut self, topology: &Topology, service: &Service, limits: Limits) {
        let (Some(host), Some(own), Some(ingress)) = (
            topology.host(),
            topology.own_address(),
            topology.ingress_network(),
        ) else {
            return;
        };
        let tasks = topology.backends(&service.name, &ingress.id).count();
        let mesh = |p: &&_| {
            matches!(
                p,
                crate::topology::PublishedPort {
                    mode: PublishMode::Ingress,
                    ..
                }
            )
        };
        for port in service
            .ports
            .iter()
            .filter(mesh)
            .filter(|p| p.published != 0)
        {
            let name = port.protocol.port(port.published);
            if port.protocol != Protocol::Tcp {
                self.not_probed.push(format!(
                    "{name} through the mesh: only the application could answer; the path to its \
                     tasks is probed"
                ));
                continue;
            }
            // The load balancer takes its tasks in turn.
            let turns = u32::try_from(tasks).unwrap_or(u32::MAX).clamp(1, 16);
            self.targets.push(Target {
                entry: Entry::Mesh,
                from: host.name.clone(),
                path: host.path.clone(),
                network: ingress.name.clone(),
                address: own,
                port: Some(port.published),
                task: None,
                node: None,
                remote: false,
                mtu: None,
                handshakes: turns.saturating_mul(limits.count).min(32),
            });
        }
    }

    /// A task's address on a network, from that network's load balancer.
    fn direct(
        &mut self,
        topology: &Topology,
        service: &Service,
        sandbox: &Namespace,
        network: &Network,
    ) {
        let Some(device) = topology.nic_on(sandbox, network) else {
            return;
        };
        let local = topology.local_node();
        // A task is reached on the published port from the mesh, and on its own
        // from other networks.
        let mut tcp = service.ports.iter().filter(|p| p.protocol == Protocol::Tcp);
        let port = match network.ingress {
            true => (tcp.find(|p| p.mode == PublishMode::Ingress)).map(|p| p.published),
            false => tcp.next().map(|p| p.target),
        };
        for (task, address) in topology.backends(&service.name, &network.id) {
            let IpAddr::V4(address) = address else {
                self.not_probed
                    .push(format!("{} ({address}): IPv6 is not probed", task.name));
                continue;
            };
            let node = topology.nodes.iter().find(|n| n.id == task.node);
            self.targets.push(Target {
                entry: Entry::Direct,
                from: sandbox.name.clone(),
                path: sandbox.path.clone(),
                network: network.name.clone(),
                address,
                port,
                task: Some(task.name.clone()),
                node: node.map(|n| topology.node_name(n)),
                remote: local.is_none_or(|n| n.id != task.node),
                mtu: Some(device.mtu),
                handshakes: u32::from(port.is_some()),
            });
        }
    }

    /// What is about to be sent, in one line, and how long it may take.
    pub fn announcement(&self, limits: Limits) -> String {
        let handshakes: u32 = self.targets.iter().map(|t| t.handshakes).sum();
        let paths = self.targets.iter().filter(|t| t.mtu.is_some()).count();
        let mut addresses: Vec<String> = (self.targets.iter())
            .map(|t| match (t.entry, t.port) {
                (Entry::Mesh, Some(port)) => format!("{}:{port}", t.address),
                _ => t.address.to_string(),
            })
            .collect();
        addresses.dedup();
        let most = (self.targets.iter()).map(|t| steps(t, limits)).max();
        let longest = limits.timeout.saturating_mul(most.unwrap_or_default());
        format!(
            "probing {} from {}: {handshakes} TCP handshakes and {} ICMP echoes (up to {FINDING} \
             more where large ones are lost) to {}, within {} at worst",
            self.service,
            self.node,
            paths * 2 * limits.count as usize,
            addresses.join(", "),
            humantime::format_duration(longest)
        )
    }
}

/// How many answers of a target are waited for, one after the other.
fn steps(target: &Target, limits: Limits) -> u32 {
    let echoes = match target.mtu {
        Some(_) => limits.count.saturating_mul(2) + FINDING + DATAGRAMS,
        None => 0,
    };
    echoes.saturating_add(target.handshakes)
}
