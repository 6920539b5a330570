//! Packets cross the node from its card to docker_gwbridge, and replies cross a
//! load balancer from one of its devices to another: both need IP forwarding.

use super::finding;
use crate::doctor::swarm::command;
use crate::doctor::{Examined, Finding, Id, Place, Severity};
use crate::topology::Namespace;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    if let Some(host) = topology.host()
        && topology.ingress_sandbox().is_some()
    {
        let devices = [topology.uplink(), topology.gateway_bridge()];
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
        ));
    }
    for (sandbox, network) in topology.load_balancers() {
        let devices = [
            topology.nic_on(sandbox, network),
            topology.gateway_nic(sandbox).map(|(d, _)| d),
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
        ));
    }
    found
}

/// One finding a namespace: the device's setting counts, the namespace's sets
/// them all.
fn one(examined: &Examined, namespace: &Namespace, devices: &[&str], why: &str) -> Option<Finding> {
    let off = |name: &str| examined.sysctl(namespace, name) == Some("0");
    let place = Place::namespace(&namespace.name);
    let (name, place) = if off("net.ipv4.ip_forward") {
        ("net.ipv4.ip_forward".to_owned(), place)
    } else {
        let of = |device: &str| format!("net.ipv4.conf.{device}.forwarding");
        let device = devices.iter().find(|d| off(&of(d)))?;
        (of(device), place.device(device))
    };
    // What has dots in its name, as a VLAN has, is written with slashes there.
    let key = match &place.device {
        Some(device) => name.replace(device.as_str(), &device.replace('.', "/")),
        None => name.clone(),
    };
    Some(Finding {
        why: why.to_owned(),
        confirm: command(namespace, &format!("sysctl {key}")),
        fix: command(namespace, &format!("sysctl -w {key}=1")),
        ..finding(
            Id::IpForwardOff,
            Severity::Broken,
            format!("{name} is 0 in {}", namespace.name),
            place,
        )
    })
}
