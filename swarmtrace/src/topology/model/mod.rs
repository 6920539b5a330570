//! The snapshot's shapes.
//!
//! Identity is always the kernel's or Docker's own: a namespace is its inode, a
//! device its index within a namespace, a network its Docker id and VNI. Names
//! are for people.

mod kernel;
mod swarm;

pub use self::kernel::{
    Device, DeviceKind, FdbEntry, IpvsDestination, IpvsMatch, IpvsService, Namespace,
    NamespaceKind, Neighbour,
};
pub use self::swarm::{
    Endpoint, EndpointMode, Fwmark, Network, Node, PublishMode, PublishedPort, Service, Task,
    TaskAddress, Vip,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A snapshot of one node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Topology {
    /// What Docker is and which part of the Swarm this node plays; absent
    /// where no Docker answered.
    pub docker: Option<Docker>,
    /// This node's host name: Docker's, else the kernel's.
    pub hostname: String,
    /// Inode of the namespace swarmtrace was started in: the node's own.
    pub host_namespace: u32,
    /// Every namespace that was found, the host's first.
    pub namespaces: Vec<Namespace>,
    /// Networks that Docker or a VXLAN device speaks of.
    pub networks: Vec<Network>,
    /// Services that Docker knows of from here.
    pub services: Vec<Service>,
    /// Tasks that Docker knows of from here: those that shall run, and those
    /// that still do.
    pub tasks: Vec<Task>,
    /// Nodes of the Swarm.
    pub nodes: Vec<Node>,
    /// What could not be read and why, a line each; never silently left out.
    pub gaps: Vec<String>,
}

/// The Docker daemon that answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Docker {
    /// `26.1.5`
    pub version: String,
    /// `1.45`
    pub api_version: String,
    /// This node's part in the Swarm.
    pub role: SwarmRole,
    /// This node's Swarm id, empty outside a Swarm.
    pub node_id: String,
    /// UDP port of the overlay's VXLAN; 0 where it is not known.
    pub data_path_port: u16,
}

/// This node's part in the Swarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SwarmRole {
    /// A manager: services, tasks and nodes come from the cluster's store.
    Manager,
    /// A worker: services and tasks come from local containers and the
    /// networks' gossip.
    Worker,
    /// Not part of a Swarm.
    #[default]
    Inactive,
}
