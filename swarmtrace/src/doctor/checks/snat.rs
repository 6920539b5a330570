//! What a load balancer sends on must bear its own address, so that replies
//! come back through it: `-m ipvs --ipvs -j SNAT`. DSR networks do without.

use super::finding;
use crate::doctor::facts::walk::{Fate, Packet};
use crate::doctor::swarm::command;
use crate::doctor::{Examined, Finding, Id, Place, Severity};
use crate::sys::protocol::Protocol;
use crate::topology::IpvsForwarding;
use std::net::IpAddr;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    for (sandbox, network) in topology.load_balancers() {
        let Some(rules) = examined.rules(sandbox) else {
            continue;
        };
        let Some(device) = topology.nic_on(sandbox, network) else {
            continue;
        };
        let destination = (sandbox.ipvs.iter().flat_map(|s| &s.destinations))
            .filter(|d| d.forwarding == IpvsForwarding::Masq)
            .find_map(|d| match d.address {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            });
        let (Some(destination), Some(own)) = (destination, device.ipv4()) else {
            continue;
        };
        if network.dsr {
            continue;
        }
        let packet = Packet {
            output: Some(device.name.clone()),
            destination: Some(destination),
            protocol: Protocol::Tcp.number(),
            ipvs: true,
            ..Packet::default()
        };
        let walk = rules.walk("nat", "POSTROUTING", &packet);
        let (id, what) = match walk.certain().map(|e| e.fate) {
            Some(Fate::Accept) => (
                Id::SnatMissing,
                format!("{} has no SNAT rule", sandbox.name),
            ),
            Some(Fate::Snat(Some(to))) if to != own => (
                Id::SnatWrongAddress,
                format!(
                    "{} rewrites sources to {to}; its own address is {own}",
                    sandbox.name
                ),
            ),
            _ => continue,
        };
        found.push(Finding {
            why: "Tasks answer the client directly, or by another way: replies bypass the load \
                  balancer that must rewrite them, and the client resets or ignores them."
                .to_owned(),
            issues: &["moby#40374"],
            confirm: command(sandbox, "iptables -t nat -S POSTROUTING"),
            fix: format!(
                "Restart dockerd on this node. At once: {}",
                command(
                    sandbox,
                    &format!(
                        "iptables -t nat -A POSTROUTING -d {} -m ipvs --ipvs -j SNAT \
                         --to-source {own}",
                        network
                            .subnets
                            .first()
                            .map_or_else(|| format!("{destination}/32"), ToString::to_string)
                    )
                )
            ),
            ..finding(
                id,
                Severity::Broken,
                what,
                Place::namespace(&sandbox.name).network(&network.name),
            )
        });
    }
    found
}
