//! What Docker has: networks, services, tasks and nodes.

use crate::sys::protocol::{Protocol, as_number};
use crate::topology::words::{NetworkDriver, TaskState};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A Docker network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    /// Docker's id; empty where only a VXLAN device speaks of it.
    pub id: String,
    /// Docker's name.
    pub name: String,
    /// `overlay`, `bridge`, …
    #[schemars(with = "String")]
    pub driver: NetworkDriver,
    /// The routing mesh's network.
    pub ingress: bool,
    /// VXLAN network identifiers, one a subnet.
    pub vnis: Vec<u32>,
    /// Subnets.
    #[schemars(with = "Vec<String>")]
    pub subnets: Vec<IpNet>,
    /// `--opt encrypted`
    pub encrypted: bool,
    /// `--opt dsr`: replies bypass the load balancer.
    pub dsr: bool,
    /// This node's load balancer address on it, where there is one.
    pub load_balancer: Option<IpAddr>,
    /// What Docker's gossip says of its endpoints (`docker network inspect
    /// --verbose`), other nodes' included.
    pub endpoints: Vec<Endpoint>,
}

/// A service's or a load balancer's address on a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Endpoint {
    /// `vote.2`, `lb` (a node's load balancer), or a container's name; empty
    /// where only the kernel knows of it.
    pub name: String,
    /// Service name, where it belongs to one.
    pub service: Option<String>,
    /// Its address.
    pub address: IpAddr,
    /// The data-path address of its node, where it is known.
    pub host: Option<IpAddr>,
}

/// A Swarm service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// Docker's id; empty on a worker that only heard of it.
    pub id: String,
    /// Name.
    pub name: String,
    /// How clients find its tasks.
    pub endpoint_mode: EndpointMode,
    /// Published ports.
    pub ports: Vec<PublishedPort>,
    /// One virtual address a network.
    pub vips: Vec<Vip>,
    /// Its firewall mark on this node, a network each.
    pub fwmarks: Vec<Fwmark>,
}

/// How clients find a service's tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndpointMode {
    /// A virtual address that IPVS spreads over the tasks.
    #[default]
    Vip,
    /// DNS round robin over the tasks' own addresses.
    Dnsrr,
}

/// A virtual address of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Vip {
    /// [`Network::id`]
    pub network: String,
    /// The address.
    pub address: IpAddr,
}

/// A service's firewall mark on this node (marks are node-local).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fwmark {
    /// [`Network::id`]
    pub network: String,
    /// The mark.
    pub mark: u32,
}

/// A published port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishedPort {
    /// IP protocol number: 6, 17 or 132.
    #[serde(with = "as_number")]
    #[schemars(with = "u8")]
    pub protocol: Protocol,
    /// Port that clients use.
    pub published: u16,
    /// Port inside the task.
    pub target: u16,
    /// Through the routing mesh, or on the task's node alone.
    pub mode: PublishMode,
}

/// How a port is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PublishMode {
    /// Routing mesh: every node answers.
    Ingress,
    /// Only the node that runs the task answers.
    Host,
}

/// A service's task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// Docker's id.
    pub id: String,
    /// Name of its service.
    pub service: String,
    /// `vote.2`; for global services `vote.<node name>`.
    pub name: String,
    /// [`Node::id`] where it is known.
    pub node: String,
    /// Its container, where it has one.
    pub container: Option<String>,
    /// Its addresses on overlay and ingress networks.
    pub addresses: Vec<TaskAddress>,
    /// `running`, …
    #[schemars(with = "String")]
    pub state: TaskState,
}

/// A task's address on one network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskAddress {
    /// [`Network::id`]
    pub network: String,
    /// The address.
    pub address: IpAddr,
}

/// A node of the Swarm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Docker's id; empty where only an address is known.
    pub id: String,
    /// Host name; empty where it is not known.
    pub hostname: String,
    /// Every address that stands for it: advertised, data-path, VTEP.
    pub addresses: Vec<IpAddr>,
    /// It is the one swarmtrace runs on.
    pub local: bool,
}
