//! The load balancers' namespaces must be there, and attached: `ingress_sbox`
//! to the routing mesh's network and to docker_gwbridge, `lb_…` to its network.

use super::finding;
use crate::doctor::swarm::command;
use crate::doctor::{Examined, Finding, Id, Place, Severity};
use crate::topology::{
    Device, DeviceKind, DeviceRef, Namespace, NamespaceKind, NeighbourState, Network,
    NetworkDriver, Topology,
};

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    let ports = topology.mesh_ports();
    match topology.ingress_sandbox() {
        None if !ports.is_empty() => {
            let names: Vec<&str> = ports.iter().map(|(s, _)| s.name.as_str()).collect();
            found.push(Finding {
                why: "Published ports are forwarded to this namespace; without it this node's \
                      port answers nothing or is answered by dockerd's idle listener."
                    .to_owned(),
                issues: &["moby#24400"],
                confirm: "sudo ls /var/run/docker/netns; docker network inspect ingress".to_owned(),
                fix: "Restart dockerd on this node: it makes the sandbox when it joins the \
                      ingress network. If it does not, look for 'ingress' in dockerd's log."
                    .to_owned(),
                ..finding(
                    Id::IngressSandboxMissing,
                    Severity::Broken,
                    format!(
                        "ingress_sbox is absent though ports are published ({})",
                        names.join(", ")
                    ),
                    Place::namespace("host"),
                )
            });
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
                found.push(Finding {
                    why: "The node has asked for the sandbox's MAC address and got no answer: \
                          packets to published ports stop at docker_gwbridge."
                        .to_owned(),
                    issues: &["moby#24400", "moby#36876"],
                    confirm: format!("ip neigh show {}; bridge link", failed.address),
                    fix: "Check that the bridge and both ends of the sandbox's veth pair are \
                          up; else restart dockerd on this node."
                        .to_owned(),
                    ..finding(
                        Id::IngressSandboxSilent,
                        Severity::Broken,
                        format!(
                            "ingress_sbox ({address}) does not answer ARP on the node's bridge"
                        ),
                        Place::namespace("host"),
                    )
                });
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
    Finding {
        why: why.to_owned(),
        issues: &["moby#36876"],
        confirm: command(sandbox, "ip -d address"),
        fix: "Restart dockerd on this node: it attaches the sandbox anew.".to_owned(),
        ..finding(
            Id::SandboxDetached,
            Severity::Broken,
            format!("{} {what}", sandbox.name),
            Place::namespace(&sandbox.name),
        )
    }
}

/// Overlays with a local task and a virtual address, and no load balancer.
/// Docker up to 18.05 balanced within each container.
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
        .map(|network| Finding {
            why: "Connections to a service's virtual address are balanced in this namespace; \
                  containers of this node that use one get no answer."
                .to_owned(),
            confirm: "sudo ls /var/run/docker/netns".to_owned(),
            fix: "Restart dockerd on this node, or move the network's tasks away and back \
                  (docker node update --availability drain, then active)."
                .to_owned(),
            ..finding(
                Id::LoadBalancerMissing,
                Severity::Broken,
                format!(
                    "the overlay {} has no load balancer on this node",
                    network.name
                ),
                Place::default().network(&network.name),
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
                found.push(Finding {
                    why: "Nothing passes a device that is down. A VXLAN device cannot be set up \
                          while another process has its UDP port."
                        .to_owned(),
                    issues: &["moby#33416"],
                    confirm: command(namespace, &format!("ip link show {}", device.name)),
                    fix: format!(
                        "{}; if that fails, its message says why.",
                        command(namespace, &format!("ip link set {} up", device.name))
                    ),
                    ..finding(
                        Id::DeviceDown,
                        Severity::Broken,
                        format!("{} in {} is down", device.name, namespace.name),
                        place_of(topology, namespace, device),
                    )
                });
            }
        }
    }
    found
}

/// Tunnel devices that the kernel makes in every namespace are down for good.
fn used(device: &Device) -> bool {
    matches!(
        device.kind,
        DeviceKind::Bridge | DeviceKind::Vxlan { .. } | DeviceKind::Veth { .. }
    )
}

fn place_of(topology: &Topology, namespace: &Namespace, device: &Device) -> Place {
    let place = Place::namespace(&namespace.name).device(&device.name);
    let at = DeviceRef {
        namespace: namespace.inode,
        ifindex: device.ifindex,
    };
    match topology.network_of_device(at) {
        Some(network) => place.network(&network.name),
        None => place,
    }
}
