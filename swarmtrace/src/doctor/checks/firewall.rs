//! The node's own firewall against the Swarm's own traffic: the data path (VXLAN,
//! or ESP where it is encrypted), the gossip, and a manager's API.

use super::doubtful::doubtful;
use crate::doctor::examined::Examined;
use crate::doctor::facts::walk::{Fate, Packet};
use crate::doctor::finding::{Finding, Severity};
use crate::failure::{Failure, Location, NODE_FIREWALL_DROPS, ReadFrom, VXLAN_BLOCKED_ON_NODE};
use crate::sys::protocol::{IpProtocol, Protocol};
use crate::topology::SwarmRole;
use std::net::{IpAddr, Ipv4Addr};

/// Table, chain, "from" or "to", and the rule itself.
type Rule = (&'static str, &'static str, &'static str, String);

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
                source: Some(address),
                destination: Some(own),
                destination_local: true,
                protocol: traffic.protocol,
                destination_port: traffic.port,
                ..Packet::default()
            };
            let outgoing = Packet {
                output: Some(uplink.name.clone()),
                source: Some(own),
                source_local: true,
                destination: Some(address),
                protocol: traffic.protocol,
                destination_port: traffic.port,
                ..Packet::default()
            };
            for (table, chain, packet) in [
                ("raw", "PREROUTING", &incoming),
                ("mangle", "INPUT", &incoming),
                ("filter", "INPUT", &incoming),
                ("raw", "OUTPUT", &outgoing),
                ("filter", "OUTPUT", &outgoing),
            ] {
                let walk = rules.walk(table, chain, packet);
                if let Some(doubt) = walk.doubt().filter(|d| !(encrypted && is_dockers(&d.by))) {
                    let what = format!(
                        "this node's firewall drops some of {} with {node}",
                        traffic.what
                    );
                    let place = Location::namespace("host").node(&node);
                    let confirm = format!("sudo iptables -t {table} -S {chain}");
                    found.push(doubtful(what, place, doubt, &confirm));
                }
                let Some(ending) = walk.certain().filter(|e| e.fate == Fate::Drop) else {
                    continue;
                };
                let way = match packet.input {
                    Some(_) => "from",
                    None => "to",
                };
                let rule = (table, chain, way, ending.by.clone());
                match dropped.iter_mut().find(|(by, _)| *by == rule) {
                    Some((_, all)) => all.push(traffic),
                    None => dropped.push((rule, vec![traffic])),
                }
                break;
            }
        }
        for ((table, chain, way, by), traffic) in dropped {
            let place = Location::namespace("host").device(&uplink.name).node(&node);
            let which = match way {
                "from" => format!("-s {address}"),
                _ => format!("-d {address}"),
            };
            found.push(blocked((table, chain, way, by), &which, &traffic, place));
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
fn blocked(
    (table, chain, way, by): Rule,
    which: &str,
    traffic: &[&Traffic],
    place: Location,
) -> Finding {
    let names: Vec<&str> = traffic.iter().map(|t| t.what.as_str()).collect();
    let mut why: Vec<&str> = traffic.iter().map(|t| t.why).collect();
    why.dedup();
    let accept: Vec<String> = (traffic.iter())
        .map(|t| {
            let port = t.port.map_or(String::new(), |p| format!(" --dport {p}"));
            let protocol = t.protocol;
            format!("sudo iptables -t {table} -I {chain} {which} -p {protocol}{port} -j ACCEPT")
        })
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
    .confirm(format!("sudo iptables -t {table} -S {chain}"))
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
