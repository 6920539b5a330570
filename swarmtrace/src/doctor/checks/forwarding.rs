//! IP forwarding, which packets need to cross the node from its interface to
//! `docker_gwbridge`, and replies to cross a load balancer.

use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm::command;
use crate::failure::{Failure, IP_FORWARD_OFF, Location, ReadFrom, SANDBOX_IP_FORWARD};
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
             do not get out. A program reset it after Docker had set it.",
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

/// At most one finding for a namespace. The device's setting decides; the
/// namespace's, when written, sets all devices'.
fn one(examined: &Examined, namespace: &Namespace, devices: &[&str], why: &str) -> Option<Finding> {
    let topology = &examined.topology;
    let off = |name: &str| examined.sysctl(namespace, name) == Some("0");
    let place = Location::namespace(&namespace.name);
    let (name, place) = if off("net.ipv4.ip_forward") {
        ("net.ipv4.ip_forward".to_owned(), place)
    } else {
        let of = |device: &str| format!("net.ipv4.conf.{device}.forwarding");
        let device = devices.iter().find(|d| off(&of(d)))?;
        (of(device), place.device(device))
    };
    // sysctl writes the dots of a device name (a VLAN's) as slashes.
    let key = match &place.device {
        Some(device) => name.replace(device.as_str(), &device.replace('.', "/")),
        None => name.clone(),
    };
    let failure: &Failure = match namespace.inode == topology.host_namespace {
        true => &IP_FORWARD_OFF,
        false => &SANDBOX_IP_FORWARD,
    };
    Some(
        Finding::proven(
            failure,
            Severity::Broken,
            ReadFrom::Settings,
            format!("{name} is 0 in {}", namespace.name),
            place,
        )
        .why(why)
        .confirm(command(namespace, &format!("sysctl {key}")))
        .fix(command(namespace, &format!("sysctl -w {key}=1"))),
    )
}
