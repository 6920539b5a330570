//! The DNAT of published ports to `ingress_sbox`: a jump to DOCKER-INGRESS from
//! nat PREROUTING (and OUTPUT, for the node's own clients) and a DNAT to the
//! sandbox's address on `docker_gwbridge`.

use super::doubtful::doubtful;
use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm;
use crate::failure::{
    INGRESS_DNAT_ELSEWHERE, INGRESS_DNAT_MISSING, INGRESS_DROPPED, LOCAL_MASQUERADE_MISSING,
    Location, ReadFrom,
};
use crate::firewall::{Backend, By, Ending, Fate, Firewall, Hook, Packet, Quote};
use crate::sys::protocol::Protocol;
use crate::topology::{PublishedPort, Service};
use std::net::Ipv4Addr;

const FIX: &str = "Let Docker write its rules again: restart dockerd on this node (running \
                   containers survive it with live-restore only), or publish the port again with \
                   docker service update --publish-rm and --publish-add. If a firewall's reload \
                   removed them, make that reload restart Docker.";

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let (Some(host), Some(sandbox)) = (topology.host(), topology.ingress_sandbox()) else {
        return Vec::new();
    };
    let Some(rules) = examined.rules(host) else {
        return Vec::new();
    };
    let Some((_, gateway)) = topology.gateway_nic(sandbox) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let ports = topology.mesh_ports();
    let mut outside = Vec::new();
    let mut inside = Vec::new();
    for (service, port) in &ports {
        let Some(packet) = swarm::from_client(topology, port) else {
            continue;
        };
        let own = Packet {
            input: None,
            source: packet.destination,
            source_local: true,
            ..packet.clone()
        };
        let before = rules.traverse(Hook::Prerouting, &packet);
        if let Some(ending) = before.dropped() {
            found.push(dropped(service, port, &ending.by));
            continue;
        }
        let walk = rules.walk("nat", "PREROUTING", &packet);
        if let Some(doubt) = walk.doubt() {
            let name = port.protocol.port(port.published);
            let what = format!("whether {name} goes to ingress_sbox depends on the packet");
            let place = Location::namespace("host").service(&service.name);
            found.push(doubtful(what, place, doubt));
        }
        match judge(walk.certain(), gateway, port) {
            Judged::Right => {
                let walk = rules.walk("nat", "OUTPUT", &own);
                if let Judged::Absent = judge(walk.certain(), gateway, port) {
                    inside.push((*service, *port));
                }
            }
            Judged::Absent => outside.push((*service, *port)),
            Judged::Elsewhere(by) => found.push(elsewhere(service, port, gateway, &by)),
        }
    }
    found.extend(absent(rules, "PREROUTING", &outside, ports.len(), gateway));
    found.extend(absent(rules, "OUTPUT", &inside, ports.len(), gateway));
    if !ports.is_empty() {
        found.extend(masquerade(examined, rules, gateway));
    }
    found
}

enum Judged {
    Right,
    Absent,
    Elsewhere(By),
}

fn judge(ending: Option<&Ending>, gateway: Ipv4Addr, port: &PublishedPort) -> Judged {
    match ending {
        // A rule that depends on the client is a note of its own.
        None => Judged::Right,
        Some(Ending { fate, by, .. }) => match fate {
            Fate::Dnat(Some(to), to_port)
                if *to == gateway && to_port.is_none_or(|p| p == port.published) =>
            {
                Judged::Right
            }
            Fate::Dnat(None, _) | Fate::Unknown => Judged::Right,
            Fate::Accept => Judged::Absent,
            _ => Judged::Elsewhere(by.clone()),
        },
    }
}

/// One finding for a missing chain or jump, else one for each port.
fn absent(
    rules: &Firewall,
    from: &str,
    ports: &[(&Service, &PublishedPort)],
    all: usize,
    gateway: Ipv4Addr,
) -> Vec<Finding> {
    let chain = rules.has_chain("nat", "DOCKER-INGRESS");
    let jump = rules
        .all("nat")
        .any(|(at, rule)| at == from && rule.text.contains("-j DOCKER-INGRESS"));
    let clients = match from {
        "OUTPUT" => "Clients on this node itself",
        _ => "Clients",
    };
    let why = format!(
        "{clients} get an answer from dockerd's idle listener, or a reset: the connection \
         opens and nothing ever comes, or it is refused, on this node only."
    );
    let severity = match from {
        "OUTPUT" => Severity::Risky,
        _ => Severity::Broken,
    };
    let jump_to =
        format!("sudo iptables -t nat -I {from} -m addrtype --dst-type LOCAL -j DOCKER-INGRESS");
    let dnat = |port: &PublishedPort| {
        let protocol = port.protocol.port(port.published);
        let protocol = protocol.split('/').next().unwrap_or_default();
        let port = port.published;
        format!(
            "sudo iptables -t nat -I DOCKER-INGRESS -p {protocol} --dport {port} -j DNAT \
             --to-destination {gateway}:{port}"
        )
    };
    let one = |what: String, place: Location, at_once: Vec<String>| {
        Finding::proven(
            &INGRESS_DNAT_MISSING,
            severity,
            ReadFrom::Firewall,
            what,
            place,
        )
        .why(why.clone())
        .confirm("sudo iptables -t nat -S | grep -e DOCKER-INGRESS")
        .fix(format!("{FIX} At once: {}", at_once.join("; ")))
    };
    if ports.is_empty() {
        return Vec::new();
    }
    if ports.len() == all && (!chain || !jump) {
        let what = match chain {
            false => "the chain DOCKER-INGRESS is absent from nat".to_owned(),
            true => format!("nat {from} does not jump to DOCKER-INGRESS"),
        };
        // A missing chain is one finding, of PREROUTING.
        if !chain && from == "OUTPUT" {
            return Vec::new();
        }
        let mut commands = vec![jump_to];
        if !chain {
            commands.insert(0, "sudo iptables -t nat -N DOCKER-INGRESS".to_owned());
            commands.push(commands[1].replace("-I PREROUTING", "-I OUTPUT"));
            commands.extend(ports.iter().map(|(_, port)| dnat(port)));
        }
        return vec![one(what, Location::namespace("host"), commands)];
    }
    (ports.iter())
        .map(|(service, port)| {
            one(
                format!(
                    "no DNAT of {} to {gateway} ({from})",
                    port.protocol.port(port.published)
                ),
                Location::namespace("host").service(&service.name),
                vec![dnat(port)],
            )
        })
        .collect()
}

fn elsewhere(service: &Service, port: &PublishedPort, gateway: Ipv4Addr, by: &By) -> Finding {
    let name = port.protocol.port(port.published);
    Finding::proven(
        &INGRESS_DNAT_ELSEWHERE,
        Severity::Broken,
        ReadFrom::Firewall,
        format!("{name} does not go to ingress_sbox ({gateway})"),
        Location::namespace("host").service(&service.name),
    )
    .why(format!(
        "Packets to {name} should go to ingress_sbox at {gateway}; the rule \"{by}\" sends \
             them elsewhere first."
    ))
    .confirm_all(by.quote().map(|quote| format!("sudo {}", quote.list())))
    .fix(format!(
        "Remove that rule if it is not wanted. If it is Docker's and its address is not \
             ingress_sbox's any more: {FIX}"
    ))
}

fn dropped(service: &Service, port: &PublishedPort, by: &By) -> Finding {
    Finding::proven(
        &INGRESS_DROPPED,
        Severity::Broken,
        ReadFrom::Firewall,
        format!(
            "{} is dropped before Docker's rules{}",
            port.protocol.port(port.published),
            by.quote()
                .map_or(String::new(), |quote| format!(" ({})", place_of(quote))),
        ),
        Location::namespace("host").service(&service.name),
    )
    .why(format!(
        "The rule \"{by}\" drops clients' packets before Docker's rules see them."
    ))
    .confirm_all(by.quote().map(|quote| format!("sudo {}", quote.list())))
    .fix(match by.quote().and_then(Quote::remove) {
        Some(remove) => format!("Remove or narrow that rule. At once: sudo {remove}"),
        None => "Accept it before that policy.".to_owned(),
    })
}

/// `raw PREROUTING`, `inet fw pre`
fn place_of(quote: &Quote) -> String {
    match quote.backend {
        Backend::Native => quote.place(),
        Backend::Nft | Backend::Legacy => format!("{} {}", quote.table, quote.chain),
    }
}

/// A finding if the node's own clients, who come from 127.0.0.1 or another of its
/// addresses, keep a source address that the sandbox cannot answer.
fn masquerade(examined: &Examined, rules: &Firewall, gateway: Ipv4Addr) -> Option<Finding> {
    let bridge = examined.topology.gateway_bridge()?;
    let packet = Packet {
        output: Some(bridge.name.clone()),
        source: Some(Ipv4Addr::LOCALHOST.into()),
        source_local: true,
        destination: Some(gateway.into()),
        protocol: Protocol::Tcp.into(),
        ..Packet::default()
    };
    let walk = rules.walk("nat", "POSTROUTING", &packet);
    matches!(walk.certain()?.fate, Fate::Accept).then(|| {
        Finding::proven(
            &LOCAL_MASQUERADE_MISSING,
            Severity::Risky,
            ReadFrom::Firewall,
            format!("no MASQUERADE of local clients on {}", bridge.name),
            Location::namespace("host").device(&bridge.name),
        )
        .why(
            "Connections from this node itself to a published port (localhost) reach the \
              sandbox with a source address that it cannot answer.",
        )
        .confirm("sudo iptables -t nat -S POSTROUTING")
        .fix(format!(
            "{FIX} At once: sudo iptables -t nat -I POSTROUTING -o {} -m addrtype --src-type LOCAL \
             -j MASQUERADE",
            bridge.name
        ))
    })
}
