//! The node's FORWARD chain between its interface and `docker_gwbridge`. A policy of
//! DROP is fine with Docker's accepting rules before it, and fatal without.

use super::doubtful::doubtful;
use crate::doctor::examined::Examined;
use crate::doctor::facts::walk::{Fate, Packet};
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm;
use crate::failure::{FORWARD_DROP, Location, ReadFrom};

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let (Some(host), Some(sandbox)) = (topology.host(), topology.ingress_sandbox()) else {
        return Vec::new();
    };
    let (Some(rules), Some(bridge), Some((_, gateway))) = (
        examined.rules(host),
        topology.gateway_bridge(),
        topology.gateway_nic(sandbox),
    ) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (service, port) in topology.mesh_ports() {
        let Some(client) = swarm::from_client(topology, port) else {
            continue;
        };
        let there = Packet {
            output: Some(bridge.name.clone()),
            destination: Some(gateway),
            destination_local: false,
            ..client.clone()
        };
        let back = Packet {
            input: Some(bridge.name.clone()),
            output: client.input.clone(),
            source: Some(gateway),
            source_port: Some(port.published),
            protocol: port.protocol.into(),
            established: true,
            ..Packet::default()
        };
        for (packet, which) in [(there, "to"), (back, "from")] {
            let walk = rules.walk("filter", "FORWARD", &packet);
            let name = port.protocol.port(port.published);
            if let Some(doubt) = walk.doubt() {
                let what = format!("FORWARD drops some packets {which} {name}");
                let place = Location::namespace("host").service(&service.name);
                found.push(doubtful(what, place, doubt, "sudo iptables -S"));
            }
            let Some(ending) = walk.certain().filter(|e| e.fate == Fate::Drop) else {
                continue;
            };
            found.push(
                Finding::proven(
                    &FORWARD_DROP,
                    Severity::Broken,
                    ReadFrom::Firewall,
                    format!("FORWARD drops packets {which} {name}"),
                    Location::namespace("host")
                        .device(&bridge.name)
                        .service(&service.name),
                )
                .why(format!(
                    "Packets {which} the routing mesh's sandbox are dropped on this node by: {}. \
                     Connections to it time out.",
                    ending.by
                ))
                .confirm_all(match chain_of(&ending.by) {
                    Some(chain) => vec![format!("sudo iptables -S {chain}")],
                    None => ["FORWARD", "DOCKER-INGRESS"]
                        .map(|chain| format!("sudo iptables -S {chain}"))
                        .to_vec(),
                })
                .fix(fix(&ending.by, &packet)),
            );
        }
    }
    found
}

/// The chain of a rule; none where the policy decides.
fn chain_of(by: &str) -> Option<&str> {
    by.strip_prefix("-A ")?.split(' ').next()
}

/// The fix: remove the rule that drops, or restore Docker's where the policy
/// does.
fn fix(by: &str, packet: &Packet) -> String {
    if let Some(rule) = by.strip_prefix("-A ") {
        return format!(
            "Remove or narrow that rule, in the configuration of whatever wrote it too. At once: \
             sudo iptables -D {rule}"
        );
    }
    let device = |option: &str, name: &Option<String>| match name {
        Some(name) => format!(" {option} {name}"),
        None => String::new(),
    };
    let port = match (packet.destination_port, packet.source_port) {
        (Some(port), _) => format!("--dport {port}"),
        (None, Some(port)) => format!("--sport {port}"),
        (None, None) => String::new(),
    };
    // One side only: packets come in and leave by any interface.
    let side = match packet.established {
        true => device("-i", &packet.input),
        false => device("-o", &packet.output),
    };
    format!(
        "Restart dockerd, to have its accepting rules back before the policy. At once: \
         sudo iptables -I FORWARD{side} -p {} {port} -j ACCEPT",
        packet.protocol
    )
}
