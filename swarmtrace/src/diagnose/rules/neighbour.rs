//! A neighbour (ARP) entry that is missing, on the way there or on the way back.
//!
//! Docker writes a permanent neighbour entry for every remote address into the
//! overlay's namespace; its VXLAN device answers ARP requests from them. Where
//! one is missing the sender cannot even build the frame, so no tap sees the
//! packet: what shows is a hop that is not followed, and the kernel's failure
//! to resolve.

use super::Rule;
use super::stale_backend::unknown_to_docker;
use crate::diagnose::case::{Case, PacketDrop};
use crate::diagnose::confirm::{in_balancer, in_overlay_of, within};
use crate::diagnose::path::holders;
use crate::diagnose::reading::{born_in_sandbox, neighbour_mac, unresolved};
use crate::diagnose::stop::Stop;
use crate::diagnose::verdict::{Certainty, Verdict, dropped, name};
use crate::timeline::{Leg, Way};
use crate::topology::{NamespaceKind, Role};
use std::net::IpAddr;

pub(super) const FORWARD: Rule = Rule {
    id: "neighbour-missing",
    title: "The load balancer cannot reach the task it chose: no neighbour entry for it",
    symptom: "\"No route to host\" after about three seconds, through one node, for one task.",
    cause: "The overlay's neighbour entry for the task's address is missing on this node: Docker \
            lost a gossip message or failed to write it.",
    needs: "Proven: a drop for an unresolved neighbour in the sandbox, or ICMP host unreachable \
            that the sandbox itself sent. Likely: the same with events lost; or the packet did not \
            leave the sandbox, watched without a loss, and the overlay's neighbour table lacks one \
            of the service's destinations.",
    fix: "Restart Docker on this node, or move the task (docker service update --force). As a \
          stopgap add the entries by hand in the overlay's namespace: ip neigh replace ADDRESS \
          lladdr MAC dev vxlan0 nud permanent, and the forwarding entry that goes with it.",
    references: &["moby#35807", "moby#52661"],
    fallback: false,
    judge: forward,
};

pub(super) const RETURN: Rule = Rule {
    id: "neighbour-missing-return",
    title: "The task cannot answer: its node has no neighbour entry for the sender",
    symptom: "Connections through one node to one task hang; other nodes reach the same task.",
    cause: "On the task's node the overlay's neighbour entry for the other node's load balancer \
            (or client) is missing, so the answer cannot be sent.",
    needs: "Proven: the SYN reached the task and a drop for an unresolved neighbour follows in \
            its namespace; or nothing left the task, which was watched without a loss, and the \
            overlay's neighbour table has no entry for the sender.",
    fix: "Restart Docker on the task's node. As a stopgap add the entries there by hand in the \
          overlay's namespace: ip neigh replace ADDRESS lladdr MAC dev vxlan0 nud permanent.",
    references: &["moby#52661"],
    fallback: false,
    judge: back,
};

fn forward(case: &Case<'_>) -> Option<Verdict> {
    let stop = case.forward_stop()?;
    let inside =
        stop.is_at(Role::IngressGateway, Way::In) || stop.is_at(Role::LoadBalancer, Way::In);
    if !inside {
        return None;
    }
    let drop = stop.drop.filter(|d| unresolved(d) && in_sandbox(case, d));
    let icmp = case.icmp_birth().filter(|(_, h, kind, code)| {
        (*kind, *code) == (3, 1) && case.role(h).is_some_and(Role::in_sandbox)
    });
    let proof = match (drop, icmp) {
        (Some(_), _) => true,
        (None, Some((_, hop, ..))) => born_in_sandbox(case, hop),
        (None, None) if stop.silent && stop.drop.is_none() => false,
        (None, None) => return None,
    };
    // Where nobody has the address, the missing entry is not the fault.
    if drop.is_some_and(|d| unknown_to_docker(case.topology, d.destination.ip())) {
        return None;
    }
    let node = &stop.hop.node;
    let suspects = suspects(case, drop);
    if drop.is_none() && icmp.is_none() && !suspects.iter().any(|(_, missing)| *missing) {
        return None;
    }
    let first = suspects.first().map(|(address, _)| *address);
    let heard = icmp.map(|(_, h, ..)| format!("ICMP host unreachable first at {}", name(case, h)));
    let lines = suspects
        .iter()
        .filter(|(_, missing)| *missing)
        .map(|(address, _)| format!("the overlay has no neighbour entry for {address}"));
    let mut verdict =
        Verdict::stopped(&FORWARD, Certainty::proven_if(proof), case, &stop).because_of(heard);
    verdict.evidence.extend(lines);
    let dead = (suspects.iter()).filter(|(address, _)| {
        let known = !case.topology.tasks.is_empty();
        known && case.topology.task_by_address(*address).is_none()
    });
    let dead = dead.map(|(address, _)| format!("no task that Docker knows of has {address}"));
    verdict.evidence.extend(dead);
    let table = first.and_then(|a| in_overlay_of(case, node, a, "ip neigh show dev vxlan0"));
    Some(
        verdict
            .confirm_all(table)
            .confirm_all(in_balancer(case, "ip neigh show"))
            .confirm_all(in_balancer(case, "ipvsadm -Ln")),
    )
}

fn back(case: &Case<'_>) -> Option<Verdict> {
    let stop = case.forward_stop()?;
    if !stop.role.is_some_and(Role::in_container) || stop.hop.way != Way::In {
        return None;
    }
    let here = |d: &PacketDrop| d.netns == stop.hop.netns && d.node == *stop.hop.node;
    let drop = case.drop_where(|d| here(d) && unresolved(d));
    let sender = stop.hop.source.ip();
    let node = &stop.hop.node;
    let absent = drop.is_none() && unanswered_inside(case, &stop) && absent(case, node, sender);
    if drop.is_none() && !absent {
        return None;
    }
    let line = absent.then(|| format!("the overlay has no neighbour entry for {sender}"));
    let table = in_overlay_of(case, node, sender, "ip neigh show dev vxlan0");
    Some(
        Verdict::stopped(&RETURN, Certainty::Proven, case, &stop)
            .because_of(absent.then_some("nothing left the task; no event was lost"))
            .because_of(drop.filter(|d| stop.drop != Some(*d)).map(dropped))
            .because_of(line)
            .confirm_all(table)
            .confirm_all(within(case, node, stop.hop.netns, "ip neigh show")),
    )
}

/// Whether nothing left the container that the packet went into, its device
/// watched.
fn unanswered_inside(case: &Case<'_>, stop: &Stop<'_>) -> bool {
    let hop = stop.hop;
    let (netns, ifindex, way) = (hop.netns, hop.ifindex, Way::Out);
    let tap = crate::diagnose::case::Tap {
        netns,
        ifindex,
        way,
    };
    let out = case
        .hops()
        .any(|(_, h)| h.leg == Leg::Reply && (&h.node, h.netns) == (&hop.node, netns));
    case.complete() && case.coverage.tapped(&hop.node, tap) && !out
}

/// Whether the overlay's tables were read, and have nothing for an address that
/// is not on that node.
fn absent(case: &Case<'_>, node: &str, address: IpAddr) -> bool {
    let Some(topology) = case.topology_of(node) else {
        return false;
    };
    let local = holders(topology, address).next().is_some();
    let read = topology.gaps.is_empty();
    let unlisted = |o| neighbour_mac(o, address).is_none();
    read && !local && topology.overlay_of(address).is_some_and(unlisted)
}

/// The address that could not be resolved, or every destination that it may
/// have been, and whether the overlay lacks an entry for it.
fn suspects(case: &Case<'_>, drop: Option<&PacketDrop>) -> Vec<(IpAddr, bool)> {
    let addresses: Vec<IpAddr> = match drop {
        Some(drop) => vec![drop.destination.ip()],
        None => match super::ipvs::table(case) {
            Some((_, service)) => (service.into_iter())
                .flat_map(|s| &s.destinations)
                .map(|d| d.address)
                .collect(),
            None => (case.balancer().into_iter())
                .flat_map(|n| n.ipvs.iter().flat_map(|s| &s.destinations))
                .map(|d| d.address)
                .collect(),
        },
    };
    let node = &case.topology.hostname;
    let listed = addresses.into_iter().map(|a| (a, absent(case, node, a)));
    let mut listed: Vec<_> = listed.collect();
    listed.sort_by_key(|(_, missing)| !missing);
    listed
}

fn in_sandbox(case: &Case<'_>, drop: &PacketDrop) -> bool {
    matches!(
        case.drop_place(drop),
        Some(NamespaceKind::IngressSandbox | NamespaceKind::LoadBalancer { .. })
    )
}
