//! One snapshot out of the kernel's half and Docker's.
//!
//! What both know is joined by identity (VNI, namespace
//! file, address). What only one of them knows is kept as well: a Swarm whose
//! Docker does not answer is still a set of overlays and load balancers.

use super::classify::{self, is_of};
use super::docker::{Container, View};
use super::kernel::Kernel;
use super::{
    Device, DeviceKind, Endpoint, Fwmark, IpvsMatch, NamespaceKind, Network, NetworkDriver, Node,
    Topology, Vip,
};
use ipnet::IpNet;
use std::net::IpAddr;

/// Joins the halves. No I/O.
pub(super) fn assemble(kernel: Kernel, docker: Option<&View>) -> Topology {
    let view = docker.cloned().unwrap_or_default();
    let mut topology = Topology {
        docker: docker.map(|v| v.docker.clone()),
        hostname: view.hostname,
        host_namespace: kernel.host_namespace,
        namespaces: kernel.namespaces,
        networks: view.networks,
        services: view.services,
        tasks: view.tasks,
        nodes: view.nodes,
        gaps: view.gaps,
    };
    topology.gaps.extend(kernel.gaps);
    add_networks(&mut topology);
    classify::classify(&mut topology, &view.containers);
    missing_containers(&mut topology, &view.containers);
    load_balancers(&mut topology);
    remote_endpoints(&mut topology);
    add_nodes(&mut topology);
    fwmarks(&mut topology);
    data_path_port(&mut topology);
    topology
}

/// Overlays of which only the VXLAN device is known.
fn add_networks(topology: &mut Topology) {
    let mut found = Vec::new();
    for namespace in &topology.namespaces {
        for device in &namespace.devices {
            let DeviceKind::Vxlan { vni, .. } = device.kind else {
                continue;
            };
            // One without a bridge is no overlay of Docker's.
            let Some((_, bridge)) = topology.bridge(namespace.at(device)) else {
                continue;
            };
            if topology.network_by_vni(vni).is_none() {
                found.push(Network {
                    name: format!("vni-{vni}"),
                    driver: NetworkDriver::Overlay,
                    vnis: vec![vni],
                    subnets: subnets(bridge),
                    ..Network::default()
                });
            }
        }
    }
    topology.networks.extend(found);
}

/// The subnets that a bridge is the gateway of; every link has `fe80::/64`.
fn subnets(bridge: &Device) -> Vec<IpNet> {
    let is_local = |a: &&IpNet| matches!(a.addr(), IpAddr::V6(a) if a.is_unicast_link_local());
    let routed = bridge.addresses.iter().filter(|a| !is_local(a));
    routed.map(IpNet::trunc).collect()
}

/// Containers whose namespace is not among those found.
fn missing_containers(topology: &mut Topology, containers: &[Container]) {
    let missing: Vec<&str> = (containers.iter())
        // `default` is the host's namespace; without a file of its own a
        // container shares another one's.
        .filter(|c| c.sandbox.file_name().is_some_and(|name| name != "default"))
        .filter(|c| !topology.namespaces.iter().any(|n| is_of(n, c)))
        .map(|c| c.name.as_str())
        .collect();
    if !missing.is_empty() {
        topology.gaps.push(format!(
            "no namespace found for {} container(s): {}",
            missing.len(),
            missing.join(", ")
        ));
    }
}

/// The address of this node's load balancer on each overlay, and which overlay
/// is the routing mesh's, where Docker did not say.
fn load_balancers(topology: &mut Topology) {
    let mut found = Vec::new();
    for namespace in &topology.namespaces {
        let ingress = namespace.kind == NamespaceKind::IngressSandbox;
        if !ingress && !matches!(namespace.kind, NamespaceKind::LoadBalancer { .. }) {
            continue;
        }
        for device in &namespace.devices {
            // The virtual addresses beside it are /32.
            let own = device
                .addresses
                .iter()
                .find(|a| a.prefix_len() != a.max_prefix_len());
            if let (Some(vni), Some(own)) = (topology.vni(namespace.at(device)), own) {
                found.push((vni, own.addr(), ingress));
            }
        }
    }
    for (vni, address, ingress) in found {
        let of = |n: &&mut Network| n.vnis.contains(&vni);
        if let Some(network) = topology.networks.iter_mut().find(of) {
            network.load_balancer.get_or_insert(address);
            network.ingress |= ingress;
        }
    }
}

/// Endpoints on other nodes that the kernel has entries for and the gossip does not
/// name. Only a node's load balancer has no name: a single nameless address of a
/// node is that. Of several none is: entries of tasks that are gone may linger.
fn remote_endpoints(topology: &mut Topology) {
    let mut found = Vec::new();
    for namespace in &topology.namespaces {
        for neighbour in &namespace.neighbours {
            let device = (namespace.devices.iter()).find(|d| d.ifindex == neighbour.ifindex);
            let Some(DeviceKind::Vxlan { vni, .. }) = device.map(|d| &d.kind) else {
                continue;
            };
            let entry = namespace
                .fdb
                .iter()
                .find(|e| e.ifindex == neighbour.ifindex && Some(e.mac) == neighbour.mac);
            if let Some(entry) = entry {
                found.push((*vni, neighbour.address, entry.vtep));
            }
        }
    }
    for network in &mut topology.networks {
        let gossip = !network.endpoints.is_empty();
        let mut nameless = Vec::new();
        for (_, address, vtep) in found.iter().filter(|(vni, ..)| network.vnis.contains(vni)) {
            match network.endpoints.iter_mut().find(|e| e.address == *address) {
                Some(known) => known.host = known.host.or(Some(*vtep)),
                None => nameless.push((*address, *vtep)),
            }
        }
        let has_lb = |vtep: IpAddr| {
            let mut all = network.endpoints.iter();
            all.any(|e| e.is_load_balancer() && e.host == Some(vtep))
        };
        let named = nameless.iter().map(|(address, vtep)| {
            let only = nameless.iter().filter(|(_, v)| v == vtep).count() == 1;
            Endpoint {
                name: if gossip && only && !has_lb(*vtep) {
                    Endpoint::LOAD_BALANCER.to_owned()
                } else {
                    String::new()
                },
                service: None,
                address: *address,
                host: Some(*vtep),
            }
        });
        let named: Vec<_> = named.collect();
        network.endpoints.extend(named);
    }
}

/// Nodes of which only a forwarding entry is known.
fn add_nodes(topology: &mut Topology) {
    let vteps: Vec<IpAddr> = (topology.namespaces.iter())
        .flat_map(|n| n.fdb.iter().map(|e| e.vtep))
        // The all-zero destination of a device that floods to a group.
        .filter(|vtep| !vtep.is_unspecified() && !vtep.is_multicast())
        .collect();
    for vtep in vteps {
        if topology.node_by_address(vtep).is_none() {
            topology.nodes.push(Node {
                addresses: vec![vtep],
                ..Node::default()
            });
        }
    }
}

/// A service's mark by the backends the kernel has under it, where Docker did
/// not say.
fn fwmarks(topology: &mut Topology) {
    let mut found = Vec::new();
    for (at, service) in topology.services.iter().enumerate() {
        for Vip { network, .. } in &service.vips {
            if service.fwmarks.iter().any(|m| &m.network == network) {
                continue;
            }
            let ingress = topology.network(network).is_some_and(|n| n.ingress);
            let addresses: Vec<IpAddr> = (topology.tasks.iter())
                .filter(|t| t.service == service.name)
                .flat_map(|t| &t.addresses)
                .filter(|a| &a.network == network)
                .map(|a| a.address)
                .collect();
            let mark = (topology.namespaces.iter())
                .filter(|n| match &n.kind {
                    NamespaceKind::IngressSandbox => ingress,
                    NamespaceKind::LoadBalancer { network: Some(id) } => id == network,
                    _ => false,
                })
                .flat_map(|n| &n.ipvs)
                .filter_map(|s| {
                    let IpvsMatch::Fwmark(mark) = s.matches else {
                        return None;
                    };
                    let ours = |a: &IpAddr| addresses.contains(a);
                    let hits = s.destinations.iter().filter(|d| ours(&d.address)).count();
                    (hits > 0).then_some((hits, mark))
                })
                .max();
            if let Some((_, mark)) = mark {
                let network = network.clone();
                found.push((at, Fwmark { network, mark }));
            }
        }
    }
    for (at, fwmark) in found {
        topology.services[at].fwmarks.push(fwmark);
    }
}

/// On a worker Docker does not give the port; the VXLAN devices have it.
fn data_path_port(topology: &mut Topology) {
    let mut devices = topology.namespaces.iter().flat_map(|n| &n.devices);
    let port = devices.find_map(|d| match d.kind {
        DeviceKind::Vxlan { port, .. } if d.master.is_some() => Some(port),
        _ => None,
    });
    if let (Some(docker), Some(port)) = (&mut topology.docker, port)
        && docker.data_path_port == 0
    {
        docker.data_path_port = port;
    }
}

#[cfg(test)]
mod tests;
