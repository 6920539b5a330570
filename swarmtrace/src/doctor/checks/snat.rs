//! The SNAT rule of load balancers (`-m ipvs --ipvs -j SNAT`): what they send on
//! must have their own address, so that replies come back through them. Networks
//! with direct server return have none.

use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm::command;
use crate::failure::{Failure, Location, ReadFrom, SNAT_MISSING, SNAT_WRONG_ADDRESS};
use crate::firewall::{Fate, Packet};
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
            destination: Some(destination.into()),
            protocol: Protocol::Tcp.into(),
            ipvs: true,
            ..Packet::default()
        };
        let walk = rules.walk("nat", "POSTROUTING", &packet);
        let (failure, what): (&Failure, _) = match walk.certain().map(|e| e.fate) {
            Some(Fate::Accept) => (&SNAT_MISSING, format!("{} has no SNAT rule", sandbox.name)),
            Some(Fate::Snat(Some(to))) if to != own => (
                &SNAT_WRONG_ADDRESS,
                format!(
                    "{} rewrites sources to {to}; its own address is {own}",
                    sandbox.name
                ),
            ),
            _ => continue,
        };
        found.push(
            Finding::proven(
                failure,
                Severity::Broken,
                ReadFrom::Firewall,
                what,
                Location::namespace(&sandbox.name).network(&network.name),
            )
            .why(
                "Tasks answer the client directly, or by another way: replies bypass the load \
                  balancer that must rewrite them, and the client resets or ignores them.",
            )
            .confirm(command(sandbox, "iptables -t nat -S POSTROUTING"))
            .fix(format!(
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
            )),
        );
    }
    found
}
