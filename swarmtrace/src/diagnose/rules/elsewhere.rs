//! Failures on the other node, as far as this node sees them.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::on_node;
use crate::diagnose::path::Next;
use crate::diagnose::verdict::{at_hop, at_stop};
use crate::diagnose::words::seen;
use crate::failure::{
    Assurance, Diagnosis, Failure, LEFT_FOR_OTHER_NODE, REFUSED_ON_OTHER_NODE, RESET_ON_OTHER_NODE,
};
use crate::timeline::{Direction, Hop, Leg, State};
use crate::topology::Role;
use crate::topology::shell::quoted;

pub(super) fn refused(case: &Case<'_>) -> Option<Diagnosis> {
    match case.timeline.state {
        State::Refused { by } => from_other_node(&REFUSED_ON_OTHER_NODE, case, by),
        _ => None,
    }
}

pub(super) fn reset(case: &Case<'_>) -> Option<Diagnosis> {
    match case.timeline.state {
        State::Reset {
            by,
            leg: Leg::Reply,
        } => from_other_node(&RESET_ON_OTHER_NODE, case, by),
        _ => None,
    }
}

fn from_other_node(failure: &Failure, case: &Case<'_>, by: usize) -> Option<Diagnosis> {
    let hop = case.hop(by).filter(|h| enters_by_tunnel(case, h))?;
    let node = origin(case, hop);
    let from = node.as_deref().map(|n| format!("it came from {n}"));
    let task = case.timeline.task.as_deref().unwrap_or("the task");
    let state = case
        .task_state
        .map(|s| format!("{task} was {}", s.describe()));
    let port = case.timeline.backend.unwrap_or(hop.source).port();
    let run = format!("swarmtrace rst --port {port} --duration 30s");
    let there = node.as_deref().map(|n| on_node(case, n, &run));
    Some(
        at_hop(failure, Assurance::Likely, case, by)
            .because(format!("first seen: {}", seen(case, hop)))
            .because_of(from)
            .because_of(state)
            .confirm_all(there),
    )
}

pub(super) fn left(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.stop()?;
    let Next::Node(vtep) = stop.next else {
        return None;
    };
    let named = stop
        .hop
        .vxlan
        .as_ref()
        .and_then(|v| v.to_node.as_deref().map(str::to_owned));
    let known = case
        .topology
        .node_by_address(vtep)
        .map(|n| n.hostname.clone())
        .filter(|name| !name.is_empty());
    let node = named.or(known).unwrap_or_else(|| vtep.to_string());
    let service = case.timeline.service.as_deref();
    let what = service.map_or_else(String::new, |s| format!(" --service {}", quoted(s)));
    Some(
        at_stop(&LEFT_FOR_OTHER_NODE, Assurance::Unknown, case, &stop)
            .because(format!("bound for {node} ({vtep}), which was not watched"))
            .confirm(on_node(case, &node, &format!("swarmtrace follow{what}")))
            .confirm(on_node(case, &node, &format!("swarmtrace doctor{what}"))),
    )
}

/// Whether the hop is where a packet comes out of the overlay from another node.
fn enters_by_tunnel(case: &Case<'_>, hop: &Hop) -> bool {
    let part = case.role(hop);
    hop.leg == Leg::Reply
        && hop.way == Direction::Ingress
        && (part == Some(Role::Vxlan) || part == Some(Role::Underlay) && hop.vxlan.is_some())
}

/// The node that it came from, by name if there is one.
fn origin(case: &Case<'_>, hop: &Hop) -> Option<String> {
    let outer = hop.vxlan.as_ref();
    let named = outer.and_then(|v| v.from_node.as_deref().map(str::to_owned));
    named
        .or_else(|| case.timeline.task_node.clone())
        .or_else(|| outer.map(|v| v.from.to_string()))
}
