//! The load balancer cannot choose a task: no destination, or no service.
//!
//! IPVS without a destination answers with ICMP port unreachable. Without an
//! IPVS service for it (or without the mark that selects one) the packet is
//! delivered to the sandbox's own stack, which refuses it with a reset. Both
//! are born in the sandbox, which distinguishes them from a task's answer.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::in_balancer;
use crate::diagnose::questions::born_in_sandbox;
use crate::diagnose::verdict::at_hop;
use crate::diagnose::words::{name, seen};
use crate::failure::{
    Assurance, Diagnosis, IPVS_NO_DESTINATION, IPVS_SERVICE_MISSING, Proof, ReadFrom,
};
use crate::timeline::{Direction, Hop, Leg, Protocol, State};
use crate::topology::Role;
use crate::topology::shell::quoted;
use crate::topology::{IpvsMatch, IpvsService};

pub(super) fn no_destination(case: &Case<'_>) -> Option<Diagnosis> {
    let table = table(case);
    let empty = table
        .as_ref()
        .is_some_and(|(_, s)| s.is_some_and(|s| !usable(s)));
    let (proof, index, what) = match case.icmp_birth() {
        Some((index, hop, 3, 3)) => {
            if !leaves_sandbox(case, hop) || went_on(case) {
                return None;
            }
            let tcp = case.timeline.protocol == Protocol::Tcp;
            let service_missing = table.as_ref().is_some_and(|(_, s)| s.is_none());
            if !tcp && service_missing {
                return None;
            }
            let proof = empty && born_in_sandbox(case, hop);
            let what = format!("ICMP port unreachable, first seen at {}", name(case, hop));
            (proof, index, what)
        }
        Some(_) => return None,
        None => {
            let stop = case.forward_stop().filter(|_| empty)?;
            let inside = stop.is_at(Role::IngressGateway, Direction::Ingress)
                || stop.is_at(Role::LoadBalancer, Direction::Ingress);
            if !inside || stop.drop.is_some_and(|d| !d.at(&["ip_vs_leave"])) && !stop.silent {
                return None;
            }
            let what = format!("last seen: {}", seen(case, stop.hop));
            (stop.silent, stop.last, what)
        }
    };
    let assurance = says(table).map_or(Assurance::Likely, |says| {
        Proof::read(ReadFrom::Ipvs, says).proves_if(proof)
    });
    let verdict = at_hop(&IPVS_NO_DESTINATION, assurance, case, index).because(what);
    Some(confirmed(case, verdict))
}

pub(super) fn no_service(case: &Case<'_>) -> Option<Diagnosis> {
    let (index, hop) = match case.timeline.state {
        State::Refused { .. } => case.reset_birth()?,
        State::IcmpError {
            by,
            kind: 3,
            code: 3,
        } if case.timeline.protocol == Protocol::Udp
            && table(case).is_some_and(|(_, s)| s.is_none()) =>
        {
            (by, case.hop(by)?)
        }
        _ => return None,
    };
    if !leaves_sandbox(case, hop) || went_on(case) {
        return None;
    }
    let sent = case.reset_sent(hop).map(|r| match r.reason() {
        Some(reason) => format!("the kernel says {} sent it: {reason}", r.namespace),
        None => format!("the kernel says {} sent it", r.namespace),
    });
    let born_here = born_in_sandbox(case, hop);
    let assurance = table(case).map_or(Assurance::Likely, |(mark, service)| match service {
        None => {
            let says = format!("IPVS has no service for mark {mark:#x}");
            Proof::read(ReadFrom::Ipvs, says).proves_if(born_here)
        }
        Some(_) => {
            let says =
                format!("IPVS has a service for mark {mark:#x}: the mark is what is missing");
            Proof::read(ReadFrom::Ipvs, says).proves_if(false)
        }
    });
    let verdict = at_hop(&IPVS_SERVICE_MISSING, assurance, case, index)
        .because(format!("first seen: {}", seen(case, hop)))
        .because_of(sent);
    Some(
        verdict
            .confirm_all(in_balancer(case, "iptables -t mangle -nvL"))
            .confirm_all(in_balancer(case, "ipvsadm -Ln")),
    )
}

/// Whether the hop is where an answer leaves the sandbox for the client.
fn leaves_sandbox(case: &Case<'_>, hop: &Hop) -> bool {
    let part = case.role(hop);
    hop.leg == Leg::Reply
        && hop.way == Direction::Egress
        && matches!(part, Some(Role::IngressGateway | Role::LoadBalancer))
}

/// Whether the opening packet was seen to leave the load balancer again.
fn went_on(case: &Case<'_>) -> bool {
    case.hops().any(|(_, h)| {
        h.leg == Leg::Forward
            && h.way == Direction::Egress
            && case.role(h).is_some_and(Role::balances)
    })
}

/// The service's mark on this node and its IPVS service, as the kernel has it.
pub(super) fn table<'a>(case: &Case<'a>) -> Option<(u32, Option<&'a IpvsService>)> {
    let namespace = case.balancer()?;
    let service = case.service()?;
    let find = |mark| (namespace.ipvs.iter()).find(|s| s.matches == IpvsMatch::Fwmark(mark));
    let network = |id: &str| {
        let here = namespace.devices.iter().flat_map(|d| &d.addresses);
        let subnets = case.topology.network(id).map(|n| n.subnets.as_slice());
        let mut subnets = subnets.unwrap_or_default().iter();
        subnets.any(|s| here.clone().any(|a| s.contains(&a.addr())))
    };
    let mark = service.fwmarks.iter().find(|f| network(&f.network))?.mark;
    Some((mark, find(mark)))
}

fn usable(service: &IpvsService) -> bool {
    service.destinations.iter().any(|d| d.weight > 0)
}

/// What the table has.
fn says(table: Option<(u32, Option<&IpvsService>)>) -> Option<String> {
    table.map(|(mark, service)| match service {
        None => format!("IPVS has no service for mark {mark:#x}"),
        Some(s) if s.destinations.is_empty() => format!("IPVS FWM {mark} has no destination"),
        Some(s) if !usable(s) => format!("IPVS FWM {mark}: every destination has weight 0"),
        Some(s) => format!(
            "IPVS FWM {mark} has {} destinations by now",
            s.destinations.len()
        ),
    })
}

/// What to look at.
fn confirmed(case: &Case<'_>, verdict: Diagnosis) -> Diagnosis {
    let tasks = case.service().map(|s| {
        let name = quoted(&s.name);
        format!("docker service ps --filter desired-state=running {name}")
    });
    verdict
        .confirm_all(in_balancer(case, "ipvsadm -Ln"))
        .confirm_all(tasks)
}
