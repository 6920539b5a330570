//! bollard's types into ours: the fields that a snapshot needs.

use super::api::{
    Cluster, ContainerInspect, ContainerSandbox, ContainerState, Info, Ipam, IpamConfig, Manager,
    Network, NetworkContainer, NetworkPeer, Swarm, Version,
};
use bollard::models;

impl From<models::SystemVersion> for Version {
    fn from(it: models::SystemVersion) -> Self {
        Self {
            version: it.version.unwrap_or_default(),
            api_version: it.api_version.unwrap_or_default(),
        }
    }
}

impl From<models::SystemInfo> for Info {
    fn from(it: models::SystemInfo) -> Self {
        Self {
            name: it.name.unwrap_or_default(),
            swarm: it.swarm.map(Swarm::from).unwrap_or_default(),
        }
    }
}

impl From<models::SwarmInfo> for Swarm {
    fn from(it: models::SwarmInfo) -> Self {
        let managers = it.remote_managers.unwrap_or_default();
        let port = it.cluster.and_then(|c| c.data_path_port);
        Self {
            node_id: it.node_id.unwrap_or_default(),
            node_addr: it.node_addr.unwrap_or_default(),
            control_available: it.control_available.unwrap_or_default(),
            remote_managers: managers
                .into_iter()
                .map(|m| Manager {
                    node_id: m.node_id.unwrap_or_default(),
                    addr: m.addr.unwrap_or_default(),
                })
                .collect(),
            cluster: Cluster {
                data_path_port: port.and_then(|p| p.try_into().ok()).unwrap_or_default(),
            },
        }
    }
}

impl From<models::NetworkInspect> for Network {
    fn from(it: models::NetworkInspect) -> Self {
        let subnets = it.ipam.and_then(|i| i.config).unwrap_or_default();
        let containers = it.containers.unwrap_or_default();
        let services = it.services.unwrap_or_default();
        Self {
            id: it.id.unwrap_or_default(),
            name: it.name.unwrap_or_default(),
            driver: it.driver.unwrap_or_default().as_str().into(),
            ingress: it.ingress.unwrap_or_default(),
            ipam: Ipam {
                config: subnets
                    .into_iter()
                    .map(|c| IpamConfig {
                        subnet: c.subnet.unwrap_or_default(),
                    })
                    .collect(),
            },
            options: it.options.unwrap_or_default().into_iter().collect(),
            containers: containers
                .into_iter()
                .map(|(key, c)| {
                    let container = NetworkContainer {
                        name: c.name.unwrap_or_default(),
                        ipv4_address: c.ipv4_address.unwrap_or_default(),
                    };
                    (key, container)
                })
                .collect(),
            peers: (it.peers.unwrap_or_default().into_iter())
                .map(|p| NetworkPeer {
                    ip: p.ip.unwrap_or_default(),
                })
                .collect(),
            // Untyped in bollard; every field of ours may be missing.
            services: services
                .into_iter()
                .filter_map(|(name, said)| Some((name, serde_json::from_value(said).ok()?)))
                .collect(),
        }
    }
}

impl From<models::ContainerInspectResponse> for ContainerInspect {
    fn from(it: models::ContainerInspectResponse) -> Self {
        let pid = it.state.and_then(|s| s.pid);
        let key = it.network_settings.and_then(|s| s.sandbox_key);
        Self {
            id: it.id.unwrap_or_default(),
            state: ContainerState {
                pid: pid.and_then(|p| p.try_into().ok()).unwrap_or_default(),
            },
            network_settings: ContainerSandbox {
                sandbox_key: key.unwrap_or_default(),
            },
        }
    }
}
