//! The load balancers' namespaces: that they exist and are attached, `ingress_sbox`
//! to the routing mesh's network and to `docker_gwbridge`, `lb_…` to its network.

use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm::command;
use crate::failure::{
    DEVICE_DOWN, INGRESS_SANDBOX_GONE, LOAD_BALANCER_MISSING, Location, ReadFrom, SANDBOX_DETACHED,
};
use crate::topology::{
    Device, DeviceKind, Namespace, NamespaceKind, NeighbourState, Network, NetworkDriver, Topology,
};

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    let ports = topology.mesh_ports();
    match topology.ingress_sandbox() {
        None if !ports.is_empty() => {
            let names: Vec<&str> = ports.iter().map(|(s, _)| s.name.as_str()).collect();
            found.push(
                Finding::proven(
                    &INGRESS_SANDBOX_GONE,
                    Severity::Broken,
                    ReadFrom::Devices,
                    format!(
                        "ingress_sbox is absent though ports are published ({})",
                        names.join(", ")
                    ),
                    Location::namespace("host"),
                )
                .why(
                    "Published ports are forwarded to this namespace; without it this node's \
                      port answers nothing or is answered by dockerd's idle listener.",
                )
                .confirm("sudo ls /var/run/docker/netns")
                .confirm("docker network inspect ingress")
                .fix(
                    "Restart dockerd on this node: it makes the sandbox when it joins the \
                      ingress network. If it does not, look for 'ingress' in dockerd's log.",
                ),
            );
        }
        None => {}
        Some(sandbox) => {
            if !ports.is_empty() && topology.gateway_nic(sandbox).is_none() {
                found.push(detached(
                    sandbox,
                    "is not attached to docker_gwbridge",
                    "Clients' packets enter the sandbox by that bridge.",
                ));
            }
            if let Some(address) = topology.gateway_nic(sandbox).map(|(_, a)| a)
                && let Some(host) = topology.host()
                && let Some(failed) = (host.neighbours.iter())
                    .find(|n| n.address == address && n.state == NeighbourState::Failed)
            {
                found.push(
                    Finding::likely(
                        &INGRESS_SANDBOX_GONE,
                        Severity::Broken,
                        format!(
                            "ingress_sbox ({address}) does not answer ARP on the node's bridge"
                        ),
                        Location::namespace("host"),
                    )
                    .why(
                        "The node requested the sandbox's MAC address and got no answer: \
                          packets to published ports stop at docker_gwbridge.",
                    )
                    .confirm(format!("ip neigh show {}", failed.address))
                    .confirm("bridge link")
                    .fix(
                        "Check that the bridge and both ends of the sandbox's veth pair are \
                          up; else restart dockerd on this node.",
                    ),
                );
            }
        }
    }
    for (sandbox, network) in topology.load_balancers() {
        if topology.nic_on(sandbox, network).is_none() {
            found.push(detached(
                sandbox,
                &format!("is not attached to the overlay {}", network.name),
                "What it balances cannot reach the tasks.",
            ));
        }
    }
    found.extend(missing_balancers(topology));
    found.extend(down(topology));
    found
}

fn detached(sandbox: &Namespace, what: &str, why: &str) -> Finding {
    Finding::proven(
        &SANDBOX_DETACHED,
        Severity::Broken,
        ReadFrom::Devices,
        format!("{} {what}", sandbox.name),
        Location::namespace(&sandbox.name),
    )
    .why(why)
    .confirm(command(sandbox, "ip -d address"))
    .fix("Restart dockerd on this node: it attaches the sandbox again.")
}

/// Overlays with a local task and a virtual address, and no load balancer.
///
/// Relied on: Docker up to 18.05 balanced within each container.
fn missing_balancers(topology: &Topology) -> Vec<Finding> {
    let in_containers = (topology.namespaces.iter())
        .any(|n| matches!(n.kind, NamespaceKind::Container { .. }) && !n.ipvs.is_empty());
    if in_containers {
        return Vec::new();
    }
    let missing = |network: &&Network| {
        let balanced = topology.load_balancers().any(|(_, n)| n.id == network.id);
        let wanted = topology.services.iter().any(|s| {
            s.vips.iter().any(|v| v.network == network.id)
                && topology.backends(&s.name, &network.id).next().is_some()
        });
        let here = topology.namespaces.iter().any(|n| {
            matches!(n.kind, NamespaceKind::Container { .. })
                && topology.nic_on(n, network).is_some()
        });
        network.driver == NetworkDriver::Overlay && !network.ingress && wanted && here && !balanced
    };
    (topology.networks.iter())
        .filter(missing)
        .map(|network| {
            Finding::proven(
                &LOAD_BALANCER_MISSING,
                Severity::Broken,
                ReadFrom::Devices,
                format!(
                    "the overlay {} has no load balancer on this node",
                    network.name
                ),
                Location::default().network(&network.name),
            )
            .why(
                "Connections to a service's virtual address are balanced in this namespace; \
                  containers of this node that use one get no answer.",
            )
            .confirm("sudo ls /var/run/docker/netns")
            .fix(
                "Restart dockerd on this node, or move the network's tasks away and back \
                  (docker node update --availability drain, then active).",
            )
        })
        .collect()
}

/// Devices of overlays and load balancers that are not up.
fn down(topology: &Topology) -> Vec<Finding> {
    let mut found = Vec::new();
    for namespace in &topology.namespaces {
        let sandbox = matches!(
            namespace.kind,
            NamespaceKind::IngressSandbox
                | NamespaceKind::LoadBalancer { .. }
                | NamespaceKind::Overlay { .. }
        );
        let gateway = topology.gateway_bridge().map(|b| b.ifindex);
        for device in namespace.devices.iter().filter(|d| !d.up) {
            let ours = (sandbox && device.kind != DeviceKind::Loopback && used(device))
                || (namespace.inode == topology.host_namespace
                    && (Some(device.ifindex) == gateway
                        || (device.master.is_some() && device.master == gateway)));
            if ours {
                found.push(
                    Finding::proven(
                        &DEVICE_DOWN,
                        Severity::Broken,
                        ReadFrom::Devices,
                        format!("{} in {} is down", device.name, namespace.name),
                        place_of(topology, namespace, device),
                    )
                    .why(
                        "Nothing passes a device that is down. A VXLAN device cannot be set up \
                          while another process has its UDP port.",
                    )
                    .confirm(command(namespace, &format!("ip link show {}", device.name)))
                    .fix(format!(
                        "{}; if that fails, its message says why.",
                        command(namespace, &format!("ip link set {} up", device.name))
                    )),
                );
            }
        }
    }
    found
}

/// Whether the device carries traffic. The tunnel devices that the kernel makes
/// in every namespace stay down.
fn used(device: &Device) -> bool {
    matches!(
        device.kind,
        DeviceKind::Bridge | DeviceKind::Vxlan { .. } | DeviceKind::Veth { .. }
    )
}

fn place_of(topology: &Topology, namespace: &Namespace, device: &Device) -> Location {
    let place = Location::namespace(&namespace.name).device(&device.name);
    match topology.network_of_device(namespace.at(device)) {
        Some(network) => place.network(&network.name),
        None => place,
    }
}
