//! The parts of the Engine API's answers that the snapshot is made from.
//!
//! Every field is optional and enumerations are text or have a variant for other
//! words, so that a value that is new in some Docker release costs that value and
//! not the list it is in. What bollard
//! answers in its own types is converted ([`super::typed`]).
//!
//! Relied on: Docker Engine API 1.41 (20.10) to 1.52; `Services` of a network
//! is moby, api/types/network `ServiceInfo`, present with `?verbose=true`.

use crate::topology::NetworkDriver;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// `null` is Go's empty list, map and string.
fn null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// A struct of a Docker answer: every field may be missing or null.
macro_rules! answer {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub(in crate::topology) struct $name {
            $($(#[$attribute])* #[serde(deserialize_with = "null")] pub $field: $type,)*
        }
    )*};
}

answer! {
    /// `GET /version`
    Version {
        version: String,
        api_version: String,
    }
    /// `GET /info`
    Info {
        name: String,
        swarm: Swarm,
    }
    Swarm {
        #[serde(rename = "NodeID")]
        node_id: String,
        node_addr: String,
        control_available: bool,
        remote_managers: Vec<Manager>,
        cluster: Cluster,
    }
    Manager {
        #[serde(rename = "NodeID")]
        node_id: String,
        addr: String,
    }
    Cluster {
        data_path_port: u16,
    }
    /// `GET /networks`, `GET /networks/<id>?verbose=true`
    Network {
        id: String,
        name: String,
        driver: NetworkDriver,
        ingress: bool,
        #[serde(rename = "IPAM")]
        ipam: Ipam,
        options: BTreeMap<String, String>,
        containers: BTreeMap<String, NetworkContainer>,
        peers: Vec<NetworkPeer>,
        services: BTreeMap<String, NetworkService>,
    }
    Ipam {
        config: Vec<IpamConfig>,
    }
    IpamConfig {
        subnet: String,
    }
    NetworkContainer {
        name: String,
        #[serde(rename = "IPv4Address")]
        ipv4_address: String,
    }
    NetworkPeer {
        #[serde(rename = "IP")]
        ip: String,
    }
    /// A service as a network's gossip knows it.
    NetworkService {
        #[serde(rename = "VIP")]
        vip: String,
        /// `Target: 80, Publish: 8080`
        ports: Vec<String>,
        /// The firewall mark on the node that was asked.
        #[serde(rename = "LocalLBIndex")]
        local_lb_index: u32,
        tasks: Vec<NetworkTask>,
    }
    NetworkTask {
        name: String,
        #[serde(rename = "EndpointIP")]
        endpoint_ip: String,
        info: BTreeMap<String, String>,
    }
    /// `GET /containers/json`
    Container {
        id: String,
        names: Vec<String>,
        labels: BTreeMap<String, String>,
        ports: Vec<ContainerPort>,
        network_settings: ContainerNetworks,
    }
    ContainerPort {
        private_port: u16,
        public_port: u16,
        r#type: String,
    }
    ContainerNetworks {
        networks: BTreeMap<String, ContainerNetwork>,
    }
    ContainerNetwork {
        #[serde(rename = "NetworkID")]
        network_id: String,
        #[serde(rename = "IPAddress")]
        ip_address: String,
        #[serde(rename = "GlobalIPv6Address")]
        global_ipv6_address: String,
    }
    /// `GET /containers/<id>/json`
    ContainerInspect {
        id: String,
        state: ContainerState,
        network_settings: ContainerSandbox,
    }
    ContainerState {
        pid: u32,
    }
    ContainerSandbox {
        sandbox_key: String,
    }
    /// `GET /services`
    Service {
        #[serde(rename = "ID")]
        id: String,
        spec: ServiceSpec,
        endpoint: ServiceEndpoint,
    }
    ServiceSpec {
        name: String,
        endpoint_spec: EndpointSpec,
    }
    EndpointSpec {
        mode: String,
    }
    ServiceEndpoint {
        ports: Vec<ServicePort>,
        #[serde(rename = "VirtualIPs")]
        virtual_ips: Vec<VirtualIp>,
    }
    ServicePort {
        protocol: String,
        target_port: u16,
        published_port: u16,
        publish_mode: String,
    }
    VirtualIp {
        #[serde(rename = "NetworkID")]
        network_id: String,
        addr: String,
    }
    /// `GET /tasks`
    Task {
        #[serde(rename = "ID")]
        id: String,
        #[serde(rename = "ServiceID")]
        service_id: String,
        slot: u64,
        #[serde(rename = "NodeID")]
        node_id: String,
        status: TaskStatus,
        networks_attachments: Vec<Attachment>,
    }
    TaskStatus {
        state: String,
        container_status: ContainerStatus,
    }
    ContainerStatus {
        #[serde(rename = "ContainerID")]
        container_id: String,
    }
    Attachment {
        network: AttachedNetwork,
        addresses: Vec<String>,
    }
    AttachedNetwork {
        #[serde(rename = "ID")]
        id: String,
    }
    /// `GET /nodes`
    Node {
        #[serde(rename = "ID")]
        id: String,
        description: NodeDescription,
        status: NodeStatus,
        manager_status: NodeManager,
    }
    NodeDescription {
        hostname: String,
    }
    NodeStatus {
        addr: String,
    }
    NodeManager {
        addr: String,
    }
}

/// Everything that was asked, as it was answered.
#[derive(Clone, Debug, Default)]
pub(in crate::topology) struct Answers {
    pub version: Version,
    pub info: Info,
    /// Overlays as inspected (`verbose`), the others as listed.
    pub networks: Vec<Network>,
    pub containers: Vec<Container>,
    /// Process and sandbox of each container.
    pub sandboxes: BTreeMap<String, ContainerInspect>,
    /// Empty on a worker: only managers can list them.
    pub services: Vec<Service>,
    pub tasks: Vec<Task>,
    pub nodes: Vec<Node>,
    /// Ports that something on this node is bound to with UDP.
    pub udp_ports: Vec<u16>,
    pub gaps: Vec<String>,
}
