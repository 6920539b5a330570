//! A neighbour (ARP) entry that is missing, on the way there or on the way back.
//!
//! Docker writes a permanent neighbour entry for every remote address into the
//! overlay's namespace; its VXLAN device answers ARP requests from them. Where
//! one is missing the sender cannot even build the frame, so no tap sees the
//! packet: the evidence is a hop that is not followed, and the kernel's failure
//! to resolve the address.

use super::stale_backend::unknown_to_docker;
use crate::diagnose::case::{Case, PacketDrop, Tap};
use crate::diagnose::confirm::{in_balancer, in_overlay_of, on_node, within};
use crate::diagnose::path::holders;
use crate::diagnose::questions::{born_in_sandbox, neighbour_mac, unresolved};
use crate::diagnose::stop::Stop;
use crate::diagnose::verdict::at_stop;
use crate::diagnose::words::{dropped, name};
use crate::failure::{
    Assurance, Diagnosis, NEIGHBOUR_MISSING, NEIGHBOUR_MISSING_RETURN, NEIGHBOUR_TABLE_FULL, Proof,
    ReadFrom,
};
use crate::timeline::{Direction, Leg};
use crate::topology::NamespaceKind;
use crate::topology::Role;
use std::net::IpAddr;

pub(super) fn forward(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.forward_stop()?;
    let inside = stop.is_at(Role::IngressGateway, Direction::Ingress)
        || stop.is_at(Role::LoadBalancer, Direction::Ingress);
    if !inside {
        return None;
    }
    let drop = stop.drop.filter(|d| unresolved(d) && in_sandbox(case, d));
    if drop.is_some_and(table_full) {
        return None;
    }
    let icmp = case.icmp_birth().filter(|(_, h, kind, code)| {
        (*kind, *code) == (3, 1) && case.role(h).is_some_and(Role::in_sandbox)
    });
    let proof = match (drop, icmp) {
        (Some(_), _) => true,
        (None, Some((_, hop, ..))) => born_in_sandbox(case, hop),
        (None, None) if stop.silent && stop.drop.is_none() => false,
        (None, None) => return None,
    };
    // Where no task has the address, the missing entry is not the fault.
    if drop.is_some_and(|d| unknown_to_docker(case.topology, d.destination.ip())) {
        return None;
    }
    let node = &stop.hop.node;
    let suspects = suspects(case, drop);
    // Tables that were read and have every entry speak against it.
    let known = case.topology.gaps.is_empty() && !suspects.is_empty();
    let missing = suspects.iter().any(|(_, missing)| *missing);
    if !missing && (drop.is_none() && known || icmp.is_none() && drop.is_none()) {
        return None;
    }
    let first = suspects.first().map(|(address, _)| *address);
    let heard = icmp.map(|(_, h, ..)| format!("ICMP host unreachable first at {}", name(case, h)));
    // Where no drop names the destination, it must be none of the others.
    let named = drop.is_some() || suspects.iter().all(|(_, missing)| *missing);
    let missing = suspects.iter().filter(|(_, missing)| *missing);
    let read = missing.fold(None, |read: Option<Proof>, (address, _)| {
        let says = format!("the overlay has no neighbour entry for {address}");
        Some(match read {
            Some(read) => read.and(ReadFrom::Neighbours, says),
            None => Proof::read(ReadFrom::Neighbours, says),
        })
    });
    let assurance = read.map_or(Assurance::Likely, |read| read.proves_if(proof && named));
    let mut verdict = at_stop(&NEIGHBOUR_MISSING, assurance, case, &stop).because_of(heard);
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

pub(super) fn back(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.forward_stop()?;
    if !stop.role.is_some_and(Role::in_container) || stop.hop.way != Direction::Ingress {
        return None;
    }
    let here = |d: &PacketDrop| d.netns == stop.hop.netns && d.node == *stop.hop.node;
    let drop = case.drop_where(|d| here(d) && unresolved(d));
    let sender = stop.hop.source.ip();
    let node = &stop.hop.node;
    let absent = (drop.is_some() || unanswered_inside(case, &stop)) && absent(case, node, sender);
    if drop.is_none() && !absent {
        return None;
    }
    let read = absent.then(|| {
        let says = format!("the overlay has no neighbour entry for {sender}");
        Proof::read(ReadFrom::Neighbours, says)
    });
    let table = in_overlay_of(case, node, sender, "ip neigh show dev vxlan0");
    Some(
        at_stop(&NEIGHBOUR_MISSING_RETURN, read, case, &stop)
            .because_of(
                drop.is_none()
                    .then_some("nothing left the task; no event was lost"),
            )
            .because_of(drop.filter(|d| stop.drop != Some(*d)).map(dropped))
            .confirm_all(table)
            .confirm_all(within(case, node, stop.hop.netns, "ip neigh show")),
    )
}

/// The kernel could not create a neighbour entry at all.
pub(super) fn table(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.stop().filter(|_| case.failing())?;
    let drop = stop.drop.filter(|d| table_full(d))?;
    let limit = "sysctl net.ipv4.neigh.default.gc_thresh3";
    Some(
        at_stop(&NEIGHBOUR_TABLE_FULL, Assurance::Likely, case, &stop)
            .confirm(on_node(case, &drop.node, limit))
            .confirm(on_node(case, &drop.node, "cat /proc/net/stat/arp_cache"))
            .confirm(on_node(case, &drop.node, "dmesg | grep 'table overflow'")),
    )
}

/// Relied on: `ip_finish_output2` frees the packet with `NEIGH_CREATEFAIL` where
/// `__neigh_create` fails, which it does where the table is full.
fn table_full(drop: &PacketDrop) -> bool {
    drop.is(&["NEIGH_CREATEFAIL"])
}

/// Whether nothing left the container that the packet went into, its device
/// watched.
fn unanswered_inside(case: &Case<'_>, stop: &Stop<'_>) -> bool {
    let hop = stop.hop;
    let tap = Tap {
        at: hop.at(),
        way: Direction::Egress,
    };
    let out = case
        .hops()
        .any(|(_, h)| h.leg == Leg::Reply && (&h.node, h.netns) == (&hop.node, hop.netns));
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
/// have been, and whether the overlay's entry for it is missing.
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
