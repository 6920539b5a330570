//! The node must forward between its card and docker_gwbridge: a FORWARD policy
//! of DROP is fine with Docker's accepting rules before it, and fatal without.

use super::{doubtful, finding};
use crate::doctor::facts::walk::{Fate, Packet};
use crate::doctor::swarm;
use crate::doctor::{Examined, Finding, Id, Place, Severity};
use crate::sys::protocol::Protocol;

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
            protocol: port.protocol.number(),
            established: true,
            ..Packet::default()
        };
        for (packet, which) in [(there, "to"), (back, "from")] {
            let walk = rules.walk("filter", "FORWARD", &packet);
            let name = port.protocol.port(port.published);
            if let Some(doubt) = walk.doubt() {
                let what = format!("FORWARD drops some packets {which} {name}");
                let place = Place::namespace("host").service(&service.name);
                found.push(doubtful(what, place, doubt, "sudo iptables -S"));
            }
            let Some(ending) = walk.certain().filter(|e| e.fate == Fate::Drop) else {
                continue;
            };
            found.push(Finding {
                why: format!(
                    "Packets {which} the routing mesh's sandbox are dropped on this node by: {}. \
                     Connections to it time out.",
                    ending.by
                ),
                issues: &["photon#558"],
                confirm: match chain_of(&ending.by) {
                    Some(chain) => format!("sudo iptables -S {chain}"),
                    None => "sudo iptables -S FORWARD; sudo iptables -S DOCKER-INGRESS".to_owned(),
                },
                fix: fix(&ending.by, &packet),
                ..finding(
                    Id::ForwardDrops,
                    Severity::Broken,
                    format!("FORWARD drops packets {which} {name}"),
                    Place::namespace("host")
                        .device(&bridge.name)
                        .service(&service.name),
                )
            });
        }
    }
    found
}

/// The chain of a rule; none where the policy decides.
fn chain_of(by: &str) -> Option<&str> {
    by.strip_prefix("-A ")?.split(' ').next()
}

/// Somebody's rule is in the way, or Docker's are gone.
fn fix(by: &str, packet: &Packet) -> String {
    if let Some(rule) = by.strip_prefix("-A ") {
        return format!(
            "Remove or narrow that rule, in the configuration of whatever wrote it too. At once: \
             sudo iptables -D {rule}"
        );
    }
    let protocol = Protocol::from_number(packet.protocol).unwrap_or(Protocol::Tcp);
    let device = |option: &str, name: &Option<String>| match name {
        Some(name) => format!(" {option} {name}"),
        None => String::new(),
    };
    let port = match (packet.destination_port, packet.source_port) {
        (Some(port), _) => format!("--dport {port}"),
        (None, Some(port)) => format!("--sport {port}"),
        (None, None) => String::new(),
    };
    // One side only: packets come in and leave by any card.
    let side = match packet.established {
        true => device("-i", &packet.input),
        false => device("-o", &packet.output),
    };
    format!(
        "Restart dockerd, to have its accepting rules back before the policy. At once: \
         sudo iptables -I FORWARD{side} -p {protocol} {port} -j ACCEPT"
    )
}
