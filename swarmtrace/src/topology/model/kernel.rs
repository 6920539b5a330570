//! What the kernel has: namespaces with their devices, addresses, neighbours,
//! forwarding entries and IPVS tables.

use crate::sys::device::DeviceRef;
use crate::sys::protocol::{Protocol, as_number};
use crate::topology::mac::{Mac, mac_or_empty};
use crate::topology::words::{IpvsForwarding, NeighbourState};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::PathBuf;

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
        /// The network's id, where it was matched.
        network: Option<String>,
    },
    /// `N-…`: bridge and VXLAN device of one overlay network.
    Overlay {
        /// The network's id, where it was matched.
        network: Option<String>,
    },
    /// A container's.
    Container {
        /// Docker's container id; empty where Docker did not say.
        container: String,
        /// The task's id where the container is a service's.
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
