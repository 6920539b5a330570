//! The node's FORWARD chain between its interface and `docker_gwbridge`. A policy of
//! DROP is fine with Docker's accepting rules before it, and fatal without.

use super::accept::Accepted;
use super::doubtful::doubtful;
use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm;
use crate::failure::{FORWARD_DROP, Location, ReadFrom};
use crate::firewall::{By, Connection, Hook, Packet};

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
            destination: Some(gateway.into()),
            destination_local: false,
            ..client.clone()
        };
        let back = Packet {
            input: Some(bridge.name.clone()),
            output: client.input.clone(),
            source: Some(gateway.into()),
            source_port: Some(port.published),
            protocol: port.protocol.into(),
            connection: Connection::Established,
            ..Packet::default()
        };
        for (packet, which) in [(there, "to"), (back, "from")] {
            let walk = rules.traverse(Hook::Forward, &packet);
            let name = port.protocol.port(port.published);
            if let Some(doubt) = walk.doubt() {
                let what = format!("FORWARD drops some packets {which} {name}");
                let place = Location::namespace("host").service(&service.name);
                found.push(doubtful(what, place, doubt));
            }
            let Some(ending) = walk.dropped() else {
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
                .confirm_all(
                    ending
                        .by
                        .quote()
                        .map(|quote| format!("sudo {}", quote.list())),
                )
                .fix(fix(&ending.by, &packet)),
            );
        }
    }
    found
}

/// The fix: remove the rule that drops, or restore Docker's where the policy does.
fn fix(by: &By, packet: &Packet) -> String {
    let Some(quote) = by.quote() else {
        return String::new();
    };
    if let Some(remove) = quote.remove() {
        return format!(
            "Remove or narrow that rule, in the configuration of whatever wrote it too. At once: \
             sudo {remove}"
        );
    }
    // One side only: packets come in and leave by any interface.
    let back = packet.connection == Connection::Established;
    let accept = Accepted {
        input: packet.input.as_deref().filter(|_| back),
        output: packet.output.as_deref().filter(|_| !back),
        protocol: packet.protocol,
        source_port: packet.source_port,
        destination_port: packet.destination_port,
        ..Accepted::default()
    };
    let accept = accept.before(quote);
    match quote.iptables() {
        Some(_) => format!(
            "Restart dockerd, to have its accepting rules back before the policy. At once: \
             sudo {accept}"
        ),
        None => format!(
            "Accept it in the configuration of whatever wrote that table. At once: sudo {accept}"
        ),
    }
}
