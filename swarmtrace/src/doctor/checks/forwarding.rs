//! Packets cross the node from its card to docker_gwbridge, and replies cross a
//! load balancer from one of its devices to another: both need IP forwarding.

use super::finding;
use crate::doctor::swarm::{self, command};
use crate::doctor::{Examined, Finding, Place, Severity};
use crate::topology::Namespace;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    if let Some(host) = topology.host()
        && swarm::ingress_sandbox(topology).is_some()
    {
        let devices = [swarm::uplink(topology), swarm::gateway_bridge(topology)];
        let names: Vec<&str> = devices
            .into_iter()
            .flatten()
            .map(|d| d.name.as_str())
            .collect();
        found.extend(one(
            examined,
            host,
            &names,
            "Packets to published ports are not forwarded to the routing mesh, and containers \
             do not get out. Something has reset it after Docker had set it.",
            "sysctl -w net.ipv4.ip_forward=1",
        ));
    }
    for (sandbox, network) in swarm::balancers(topology) {
        let devices = [
            swarm::port_on(topology, sandbox, network),
            swarm::gateway_port(topology, sandbox).map(|(d, _)| d),
        ];
        let names: Vec<&str> = devices
            .into_iter()
            .flatten()
            .map(|d| d.name.as_str())
            .collect();
        found.extend(one(
            examined,
            sandbox,
            &names,
            "Requests reach the tasks, but their replies are dropped in this namespace: \
             connections time out.",
            "sysctl -w net.ipv4.ip_forward=1",
        ));
    }
    found
}

/// One finding a namespace: the device's setting counts, the namespace's sets
/// them all.
fn one(
    examined: &Examined,
    namespace: &Namespace,
    devices: &[&str],
    why: &str,
    fix: &str,
) -> Option<Finding> {
    let topology = &examined.topology;
    let off = |name: &str| examined.sysctl(namespace, name) == Some("0");
    let place = Place::namespace(&namespace.name);
    let (what, place) = if off("net.ipv4.ip_forward") {
        (
            format!("net.ipv4.ip_forward is 0 in {}", namespace.name),
            place,
        )
    } else {
        let device = (devices.iter()).find(|d| off(&format!("net.ipv4.conf.{d}.forwarding")))?;
        (
            format!(
                "net.ipv4.conf.{device}.forwarding is 0 in {}",
                namespace.name
            ),
            place.device(device),
        )
    };
    let name = "sysctl net.ipv4.ip_forward net.ipv4.conf";
    Some(Finding {
        why: why.to_owned(),
        confirm: command(topology, namespace, name),
        fix: command(topology, namespace, fix),
        ..finding(Severity::Broken, what, place)
    })
}
