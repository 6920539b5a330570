//! The node's own firewall against the Swarm's own traffic: the data path (VXLAN,
//! or ESP where it is encrypted), the gossip, and a manager's API.

use super::accept::Accepted;
use super::doubtful::doubtful;
use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::failure::{Failure, Location, NODE_FIREWALL_DROPS, ReadFrom, VXLAN_BLOCKED_ON_NODE};
use crate::firewall::{By, Hook, Packet};
use crate::sys::protocol::{IpProtocol, Protocol};
use crate::topology::SwarmRole;
use std::net::{IpAddr, Ipv4Addr};

/// The rule that drops, and "from" or "to".
type Rule = (By, &'static str);

struct Traffic {
    what: String,
    protocol: IpProtocol,
    port: Option<u16>,
    /// The failure where this node drops it on arrival.
    failure: &'static Failure,
    why: &'static str,
}

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let Some(host) = topology.host() else {
        return Vec::new();
    };
    let (Some(rules), Some(uplink), Some(own)) = (
        examined.rules(host),
        topology.uplink(),
        topology.own_address(),
    ) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let traffic = traffic(examined);
    let encrypted = topology.networks.iter().any(|n| n.encrypted);
    for (node, address) in others(examined) {
        let mut dropped: Vec<(Rule, Vec<&Traffic>)> = Vec::new();
        for traffic in &traffic {
            let incoming = Packet {
                input: Some(uplink.name.clone()),
                source: Some(address.into()),
                destination: Some(own.into()),
                destination_local: true,
                protocol: traffic.protocol,
                destination_port: traffic.port,
                ..Packet::default()
            };
            let outgoing = Packet {
                output: Some(uplink.name.clone()),
                source: Some(own.into()),
                source_local: true,
                destination: Some(address.into()),
                protocol: traffic.protocol,
                destination_port: traffic.port,
                ..Packet::default()
            };
            for (hook, packet, way) in [
                (Hook::Prerouting, &incoming, "from"),
                (Hook::Input, &incoming, "from"),
                (Hook::Output, &outgoing, "to"),
                (Hook::Postrouting, &outgoing, "to"),
            ] {
                let walk = rules.traverse(hook, packet);
                let dockers = |by: &By| encrypted && is_dockers(&by.to_string());
                if let Some(doubt) = walk.doubt().filter(|d| !dockers(&d.by)) {
                    let what = format!(
                        "this node's firewall drops some of {} with {node}",
                        traffic.what
                    );
                    let place = Location::namespace("host").node(&node);
                    found.push(doubtful(what, place, doubt));
                }
                let Some(ending) = walk.dropped() else {
                    continue;
                };
                let rule = (ending.by.clone(), way);
                match dropped.iter_mut().find(|(by, _)| *by == rule) {
                    Some((_, all)) => all.push(traffic),
                    None => dropped.push((rule, vec![traffic])),
                }
                break;
            }
        }
        for (rule, traffic) in dropped {
            let place = Location::namespace("host").device(&uplink.name).node(&node);
            found.push(blocked(rule, address, &traffic, place));
        }
    }
    found
}

/// Whether the rule is Docker's own, which refuses clear packets of an encrypted
/// overlay, by the VNI in the VXLAN header.
///
/// Relied on: libnetwork, overlay/encryption.go.
fn is_dockers(rule: &str) -> bool {
    rule.contains("--pol none") && (rule.contains("-m u32") || rule.contains("-m bpf"))
}

/// One finding for all traffic that a rule drops.
fn blocked((by, way): Rule, address: Ipv4Addr, traffic: &[&Traffic], place: Location) -> Finding {
    let names: Vec<&str> = traffic.iter().map(|t| t.what.as_str()).collect();
    let mut why: Vec<&str> = traffic.iter().map(|t| t.why).collect();
    why.dedup();
    let accepted = |t: &Traffic| Accepted {
        source: (way == "from").then_some(address),
        destination: (way == "to").then_some(address),
        protocol: t.protocol,
        destination_port: t.port,
        ..Accepted::default()
    };
    let accept: Vec<String> = (by.quote().into_iter())
        .flat_map(|quote| traffic.iter().map(|t| accepted(t).before(quote)))
        .map(|command| format!("sudo {command}"))
        .collect();
    // A rule that drops several kinds is named for the first: VXLAN comes first.
    let failure = match (way, traffic.first()) {
        ("from", Some(first)) => first.failure,
        _ => &NODE_FIREWALL_DROPS,
    };
    Finding::proven(
        failure,
        Severity::Broken,
        ReadFrom::Firewall,
        format!(
            "this node's firewall drops {} {way} {}",
            names.join(", "),
            place.node.as_deref().unwrap_or_default()
        ),
        place,
    )
    .why(format!("{} Dropped by: {by}.", why.join(" ")))
    .confirm_all(by.quote().map(|quote| format!("sudo {}", quote.list())))
    .fix(format!(
        "Accept it in the firewall's own configuration. At once: {}",
        accept.join("; ")
    ))
}

/// The other nodes with one address each: the data path's where it is known.
fn others(examined: &Examined) -> Vec<(String, Ipv4Addr)> {
    let topology = &examined.topology;
    let remote = topology.nodes.iter().filter(|n| !n.local);
    remote
        .filter_map(|node| {
            let data_path = |a: &&IpAddr| examined.facts.routes.iter().any(|r| r.to == **a);
            let address = node
                .addresses
                .iter()
                .find(data_path)
                .or(node.addresses.first());
            match address? {
                IpAddr::V4(v4) => Some((topology.node_name(node), *v4)),
                IpAddr::V6(_) => None,
            }
        })
        .collect()
}

fn traffic(examined: &Examined) -> Vec<Traffic> {
    let topology = &examined.topology;
    let Some(docker) = &topology.docker else {
        return Vec::new();
    };
    let port = match docker.data_path_port {
        0 => 4789,
        port => port,
    };
    let mut all = vec![
        Traffic {
            what: format!("VXLAN (udp/{port})"),
            protocol: Protocol::Udp.into(),
            port: Some(port),
            failure: &VXLAN_BLOCKED_ON_NODE,
            why: "Nothing passes between the two nodes on any overlay.",
        },
        Traffic {
            what: "gossip (tcp/7946)".to_owned(),
            protocol: Protocol::Tcp.into(),
            port: Some(7946),
            failure: &NODE_FIREWALL_DROPS,
            why: "The nodes do not learn of each other's tasks.",
        },
        Traffic {
            what: "gossip (udp/7946)".to_owned(),
            protocol: Protocol::Udp.into(),
            port: Some(7946),
            failure: &NODE_FIREWALL_DROPS,
            why: "The nodes do not learn of each other's tasks.",
        },
    ];
    if topology.networks.iter().any(|n| n.encrypted) {
        all.push(Traffic {
            what: "ESP (ip protocol 50)".to_owned(),
            protocol: IpProtocol::ESP,
            port: None,
            failure: &NODE_FIREWALL_DROPS,
            why: "Nothing passes between the two nodes on encrypted overlays.",
        });
    }
    if docker.role == SwarmRole::Manager {
        all.push(Traffic {
            what: "the manager's API (tcp/2377)".to_owned(),
            protocol: Protocol::Tcp.into(),
            port: Some(2377),
            failure: &NODE_FIREWALL_DROPS,
            why: "Other nodes cannot reach this manager.",
        });
    }
    all
}
