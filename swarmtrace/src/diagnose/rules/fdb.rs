//! The overlay's forwarding database does not say which node an address is on,
//! or says a wrong one.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::{inside, within};
use crate::diagnose::questions::neighbour_mac;
use crate::diagnose::stop::Stop;
use crate::diagnose::verdict::{at_hop, at_stop};
use crate::diagnose::words::{name, seen};
use crate::failure::{Assurance, Diagnosis, FDB_MISSING, FDB_WRONG_NODE, Proof, ReadFrom};
use crate::timeline::Direction;
use crate::topology::shell::quoted;
use crate::topology::{Mac, Namespace, Role};
use std::net::IpAddr;

pub(super) fn missing(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case
        .stop()
        .filter(|s| s.is_at(Role::Vxlan, Direction::Egress))?;
    let untargeted = |d: &&_| {
        let drop: &crate::diagnose::case::PacketDrop = d;
        drop.is(&["NO_TX_TARGET"]) || drop.at(&["vxlan_xmit"])
    };
    let reported = stop.drop.filter(untargeted);
    if stop.drop.is_some() && reported.is_none() {
        return None;
    }
    let address = stop.hop.destination.ip();
    let absent = overlay(case, &stop).and_then(|o| unlisted(o, address));
    if reported.is_none() && absent.is_none() {
        return None;
    }
    // A MAC that is not the address' own is missing rightly: the neighbour entry is
    // what is wrong.
    let own = absent.is_none_or(|mac| Mac::derived_from(address) == Some(mac));
    let forwarded = overlay(case, &stop).is_some_and(|o| {
        Mac::derived_from(address).is_some_and(|own| o.fdb.iter().any(|f| f.mac == own))
    });
    if !own && forwarded {
        return None;
    }
    let proof = own && (reported.is_some() || stop.silent);
    let read = absent.map(|mac| {
        let says = format!("no forwarding entry for {mac} ({address})");
        Proof::read(ReadFrom::ForwardingTable, says)
    });
    let assurance = read.map_or(Assurance::Likely, |read| read.proves_if(proof));
    let home = home_of(case, address).first().copied();
    let entry = absent.zip(home).and_then(|(mac, home)| {
        let device = quoted(&stop.hop.device);
        let add = format!("bridge fdb replace {mac} dev {device} dst {home} self permanent");
        within(case, &stop.hop.node, stop.hop.netns, &add)
    });
    let verdict = at_stop(&FDB_MISSING, assurance, case, &stop);
    let verdict = confirmed(case, &stop, verdict);
    Some(match entry {
        Some(entry) => verdict.fix(format!(
            "Restart Docker on {}. As a stopgap: {entry}",
            stop.hop.node
        )),
        None => verdict,
    })
}

pub(super) fn wrong_node(case: &Case<'_>) -> Option<Diagnosis> {
    if !case.failing() {
        return None;
    }
    let topology = case.topology;
    let (index, hop, vxlan) = case.hops().find_map(|(i, h)| {
        let vxlan = h.vxlan.as_ref()?;
        let home = home_of(case, h.destination.ip());
        (!home.is_empty() && !home.contains(&vxlan.to)).then_some((i, h, vxlan))
    })?;
    let address = hop.destination.ip();
    let home = home_of(case, address);
    // A node without a name and an id is known from this entry only.
    let known = topology
        .node_by_address(vxlan.to)
        .filter(|n| !n.hostname.is_empty() || !n.id.is_empty());
    let right = home.first().and_then(|a| topology.node_by_address(*a));
    let right = right.map_or_else(|| "another node".to_owned(), |n| n.hostname.clone());
    let sent = known.map_or_else(
        || "no node that Docker knows".to_owned(),
        |n| n.hostname.clone(),
    );
    let overlay = topology.overlay_of(address);
    let assurance = match overlay.and_then(|o| case.vtep_of(o, address)) {
        Some(vtep) if vtep == vxlan.to && known.is_some() => {
            let says = format!("the forwarding table puts {address} behind {vtep} ({sent})");
            Proof::read(ReadFrom::ForwardingTable, says).into()
        }
        _ => Assurance::Likely,
    };
    let list = overlay.map(|o| {
        let node = &topology.hostname;
        inside(case, node, o, "bridge fdb show dev vxlan0")
    });
    Some(
        at_hop(&FDB_WRONG_NODE, assurance, case, index)
            .because(format!(
                "VXLAN to {} ({sent}): {}",
                vxlan.to,
                seen(case, hop)
            ))
            .because(format!("Docker says {address} is on {right}"))
            .confirm_all(list)
            .confirm(format!(
                "docker network inspect --verbose {}",
                network(case, address)
            )),
    )
}

/// Every underlay address of the node that Docker says an address is on.
fn home_of(case: &Case<'_>, address: IpAddr) -> Vec<IpAddr> {
    let topology = case.topology;
    let endpoints = (topology.networks.iter())
        .filter(|n| n.subnets.iter().any(|s| s.contains(&address)))
        .flat_map(|n| &n.endpoints);
    let mut homes: Vec<IpAddr> = Vec::new();
    for host in endpoints
        .filter(|e| e.address == address)
        .filter_map(|e| e.host)
    {
        homes.push(host);
        homes.extend(
            topology
                .node_by_address(host)
                .iter()
                .flat_map(|n| &n.addresses),
        );
    }
    let task = topology.task_by_address(address);
    if let Some(node) = task.and_then(|t| topology.node(&t.node)) {
        homes.extend(&node.addresses);
    }
    homes
}

fn overlay<'a>(case: &Case<'a>, stop: &Stop<'_>) -> Option<&'a Namespace> {
    let topology = case.topology_of(&stop.hop.node)?;
    let at = stop.hop.at();
    topology
        .gaps
        .is_empty()
        .then(|| topology.device(at))
        .flatten()
        .map(|(n, _)| n)
}

/// The MAC of the address, if the forwarding table has nothing for it.
fn unlisted(overlay: &Namespace, address: IpAddr) -> Option<Mac> {
    let mac = neighbour_mac(overlay, address)?;
    let listed = overlay.fdb.iter().any(|f| f.mac == mac);
    (!listed).then_some(mac)
}

fn confirmed(case: &Case<'_>, stop: &Stop<'_>, verdict: Diagnosis) -> Diagnosis {
    let hop = stop.hop;
    let device = quoted(&hop.device);
    let list = |command: String| within(case, &hop.node, hop.netns, &command);
    let from = name(case, hop);
    let verdict = verdict
        .confirm_all(list(format!("bridge fdb show dev {device}")))
        .confirm_all(list(format!("ip neigh show dev {device}")));
    if verdict.confirm.is_empty() {
        return verdict.confirm(format!("bridge fdb show dev {device}  # at {from}"));
    }
    verdict
}

fn network(case: &Case<'_>, address: IpAddr) -> String {
    (case.topology.networks.iter())
        .find(|n| n.subnets.iter().any(|s| s.contains(&address)))
        .map_or_else(|| "NETWORK".to_owned(), |n| quoted(&n.name))
}
