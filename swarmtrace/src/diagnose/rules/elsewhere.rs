//! What happened on the other node, as far as this one can tell.

use super::Rule;
use crate::diagnose::case::Case;
use crate::diagnose::confirm::on_node;
use crate::diagnose::path::Next;
use crate::diagnose::verdict::{Certainty, Verdict, seen};
use crate::timeline::{Hop, Leg, State, Way};
use crate::topology::Role;
use crate::topology::shell::quoted;

pub(super) const REFUSED: Rule = Rule {
    id: "refused-on-other-node",
    title: "The other node refused the connection: probably nothing listens in the task",
    symptom: "\"Connection refused\" at once from tasks on another node.",
    cause: "The reset came out of the overlay from the task's node. Nearly always the task's own \
            stack sent it.",
    needs: "Likely: the reset that answers the SYN was first seen coming from the other node. Run \
            swarmtrace there, or join both nodes' recordings, to have it proven.",
    fix: "See no-listener; run `swarmtrace rst` on the task's node.",
    references: &[],
    fallback: false,
    judge: refused,
};

pub(super) const RESET: Rule = Rule {
    id: "reset-on-other-node",
    title: "The other node reset the connection: probably the task's own process",
    symptom: "\"Connection reset by peer\" in the middle of a request to a task on another node.",
    cause: "The reset came out of the overlay from the task's node. Nearly always the task's own \
            process caused it.",
    needs: "Likely: the reset of an open connection was first seen coming from the other node.",
    fix: "See task-reset; run `swarmtrace rst` on the task's node.",
    references: &[],
    fallback: false,
    judge: reset,
};

pub(super) const LEFT: Rule = Rule {
    id: "left-for-other-node",
    title: "It left for another node in good order, and nothing came back",
    symptom: "Connections to tasks on another node hang.",
    cause: "Not known from this node alone: the path between, or the other node.",
    needs: "Unknown: the last hop is where the packet leaves for the other node, and that node \
            was not watched.",
    fix: "Run swarmtrace on both nodes at once and join the recordings; or try `swarmtrace \
          doctor` on the other node and look for a firewall on UDP 4789 (ESP if encrypted).",
    references: &[],
    fallback: true,
    judge: left,
};

fn refused(case: &Case<'_>) -> Option<Verdict> {
    match case.timeline.state {
        State::Refused { by } => from_other_node(&REFUSED, case, by),
        _ => None,
    }
}

fn reset(case: &Case<'_>) -> Option<Verdict> {
    match case.timeline.state {
        State::Reset {
            by,
            leg: Leg::Reply,
        } => from_other_node(&RESET, case, by),
        _ => None,
    }
}

fn from_other_node(rule: &Rule, case: &Case<'_>, by: usize) -> Option<Verdict> {
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
        Verdict::new(rule, Certainty::Likely, case, by)
            .because(format!("first seen: {}", seen(case, hop)))
            .because_of(from)
            .because_of(state)
            .confirm_all(there),
    )
}

fn left(case: &Case<'_>) -> Option<Verdict> {
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
        Verdict::stopped(&LEFT, Certainty::Unknown, case, &stop)
            .because(format!("bound for {node} ({vtep}), which was not watched"))
            .confirm(on_node(case, &node, &format!("swarmtrace follow{what}")))
            .confirm(on_node(case, &node, &format!("swarmtrace doctor{what}"))),
    )
}

/// Whether the hop is where a packet comes out of the overlay from another node.
fn enters_by_tunnel(case: &Case<'_>, hop: &Hop) -> bool {
    let part = case.role(hop);
    hop.leg == Leg::Reply
        && hop.way == Way::In
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
