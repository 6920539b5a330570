//! The snapshot's shapes.
//!
//! Identity is always the kernel's or Docker's own: a namespace is its inode, a
//! device its index within a namespace, a network its Docker id and VNI. Names
//! are for people.

use super::mac::{Mac, mac_or_empty};
use super::words::{IpvsForwarding, NeighbourState, NetworkDriver, TaskState};
use crate::sys::device::DeviceRef;
use crate::sys::protocol::{Protocol, as_number};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::PathBuf;

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

/// One network namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Namespace {
    /// Inode of its nsfs file.
    pub inode: u32,
    /// What it is for.
    pub kind: NamespaceKind,
    /// Short name for people: `host`, `ingress_sbox`, `lb_vnc40nx48`,
    /// `1-vnc40nx48s`, `vote.2`.
    pub name: String,
    /// A file that opens it.
    pub path: PathBuf,
    /// Its devices, by index.
    pub devices: Vec<Device>,
    /// Its IPVS services.
    pub ipvs: Vec<IpvsService>,
    /// Its neighbour (ARP/NDP) entries, failed ones included.
    pub neighbours: Vec<Neighbour>,
    /// Forwarding database entries of its VXLAN devices.
    pub fdb: Vec<FdbEntry>,
}

/// What a namespace is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum NamespaceKind {
    /// The node's own.
    Host,
    /// `ingress_sbox`: the routing mesh's load balancer.
    IngressSandbox,
    /// `lb_…`: the load balancer of one overlay network.
    LoadBalancer {
        /// [`Network::id`], where it was matched.
        network: Option<String>,
    },
    /// `N-…`: bridge and VXLAN device of one overlay network.
    Overlay {
        /// [`Network::id`], where it was matched.
        network: Option<String>,
    },
    /// A container's.
    Container {
        /// Docker's container id; empty where Docker did not say.
        container: String,
        /// [`Task::id`] where the container is a service's.
        task: Option<String>,
    },
    /// Anything else (it is listed, never tapped).
    Other,
}

/// A network device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Device {
    /// Index within its namespace.
    pub ifindex: u32,
    /// Name within its namespace.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// `02:42:0a:00:00:05`; empty where it has none.
    #[serde(with = "mac_or_empty")]
    #[schemars(with = "String")]
    pub mac: Option<Mac>,
    /// Bytes.
    pub mtu: u32,
    /// Administratively up.
    pub up: bool,
    /// Index of the bridge it is a port of, within the same namespace.
    pub master: Option<u32>,
    /// Addresses with their prefix lengths.
    #[schemars(with = "Vec<String>")]
    pub addresses: Vec<IpNet>,
}

/// What a device is, by link kind, never by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum DeviceKind {
    /// `lo`
    Loopback,
    /// One end of a veth pair.
    Veth {
        /// The other end, where its namespace is known.
        peer: Option<DeviceRef>,
    },
    /// A bridge.
    Bridge,
    /// A VXLAN device.
    Vxlan {
        /// VXLAN network identifier.
        vni: u32,
        /// UDP port it sends to.
        port: u16,
    },
    /// A device without a link kind: hardware or what passes for it.
    Physical,
    /// Any other link kind (`dummy`, `vlan`, `wireguard`, `tun`, …).
    Other {
        /// The kernel's name for it.
        kind: String,
        /// Whether frames carry an Ethernet header (link type `ARPHRD_ETHER`).
        ethernet: bool,
    },
}

/// A virtual service of the kernel's IPVS table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IpvsService {
    /// How packets are matched.
    #[serde(flatten)]
    pub matches: IpvsMatch,
    /// `rr`
    pub scheduler: String,
    /// Real servers.
    pub destinations: Vec<IpvsDestination>,
}

/// How IPVS matches packets to a virtual service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IpvsMatch {
    /// By firewall mark: Docker's way.
    Fwmark(u32),
    /// By address and port.
    Address {
        /// IP protocol number.
        #[serde(with = "as_number")]
        #[schemars(with = "u8")]
        protocol: Protocol,
        /// Virtual address.
        address: IpAddr,
        /// Virtual port.
        port: u16,
    },
}

/// A real server of an IPVS service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IpvsDestination {
    /// Address.
    pub address: IpAddr,
    /// Port; 0 keeps the packet's.
    pub port: u16,
    /// `Masq`, `Route` (DSR), `Tunnel`.
    #[schemars(with = "String")]
    pub forwarding: IpvsForwarding,
    /// Weight; 0 takes no new connections.
    pub weight: u32,
    /// Active connections.
    pub active: u32,
    /// Inactive connections.
    pub inactive: u32,
}

/// A neighbour table entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Neighbour {
    /// Device, within its namespace.
    pub ifindex: u32,
    /// Address.
    pub address: IpAddr,
    /// Link-layer address; empty where none was resolved.
    #[serde(with = "mac_or_empty")]
    #[schemars(with = "String")]
    pub mac: Option<Mac>,
    /// `permanent`, `reachable`, `stale`, `failed`, …
    #[schemars(with = "String")]
    pub state: NeighbourState,
}

/// A forwarding database entry of a VXLAN device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FdbEntry {
    /// VXLAN device, within its namespace.
    pub ifindex: u32,
    /// Destination MAC.
    #[schemars(with = "String")]
    pub mac: Mac,
    /// The VTEP it is behind: another node's data-path address.
    pub vtep: IpAddr,
    /// `permanent`, `reachable` (learned), …
    #[schemars(with = "String")]
    pub state: NeighbourState,
}

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
