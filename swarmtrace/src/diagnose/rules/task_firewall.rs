//! Docker's own filter inside the task: on the ingress network only published
//! ports are let in.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::within;
use crate::diagnose::verdict::{at_hop, at_stop};
use crate::diagnose::words::{dropped, name};
use crate::failure::{Assurance, Diagnosis, TASK_FIREWALL};
use crate::timeline::{Direction, Hop, Leg, Protocol};
use crate::topology::Role;
use crate::topology::{NamespaceKind, PublishMode};

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    if !case.failing() {
        return None;
    }
    if let Some(verdict) = rejected(case) {
        return Some(verdict);
    }
    let inside = |d: &crate::diagnose::case::PacketDrop| {
        d.by_netfilter() && matches!(case.drop_place(d), Some(NamespaceKind::Container { .. }))
    };
    let drop = case.drop_where(inside)?;
    let verdict = match case.stop() {
        Some(stop) => {
            let known = stop.drop == Some(drop);
            let verdict = at_stop(&TASK_FIREWALL, Assurance::Likely, case, &stop);
            verdict.because_of((!known).then(|| dropped(drop)))
        }
        None => {
            let last = case.timeline.hops.len().checked_sub(1)?;
            at_hop(&TASK_FIREWALL, Assurance::Likely, case, last).because(dropped(drop))
        }
    };
    let list = |command| within(case, &drop.node, drop.netns, command);
    let port = drop.destination.port();
    let ports = case.service().into_iter().flat_map(|s| &s.ports);
    let published = { ports }.any(|p| p.published == port && p.mode == PublishMode::Ingress);
    let damaged = published && came_by_vxlan(case, &drop.node);
    let line = format!(
        "port {port} is published, so the rules should let it in: they are stale, or the packet \
         was damaged on its way here and is INVALID to conntrack"
    );
    let counted = damaged.then(|| list("conntrack -S"));
    Some(
        verdict
            .because_of(damaged.then_some(line))
            .confirm_all(counted.flatten())
            .confirm_all(list("iptables -nvL"))
            .confirm_all(list("iptables -t nat -nvL PREROUTING")),
    )
}

/// Whether the packet came to that node from another one.
fn came_by_vxlan(case: &Case<'_>, node: &str) -> bool {
    let arrived = |h: &Hop| {
        h.leg == Leg::Forward
            && h.way == Direction::Ingress
            && h.vxlan.is_some()
            && *h.node == *node
    };
    case.hops().any(|(_, h)| arrived(h))
}

/// An answer of a REJECT rule: no stack answers TCP by ICMP of itself.
fn rejected(case: &Case<'_>) -> Option<Diagnosis> {
    let (index, hop, kind, code) = case.icmp_birth()?;
    let by_rule =
        matches!(code, 9 | 10 | 13) || code == 3 && case.timeline.protocol == Protocol::Tcp;
    let born_inside =
        hop.way == Direction::Egress && case.role(hop).is_some_and(Role::in_container);
    if kind != 3 || !by_rule || !born_inside {
        return None;
    }
    let line = format!(
        "ICMP {kind}/{code}, first seen leaving the task at {}: a REJECT rule",
        name(case, hop)
    );
    Some(
        at_hop(&TASK_FIREWALL, Assurance::Likely, case, index)
            .because(line)
            .confirm_all(within(case, &hop.node, hop.netns, "iptables -nvL")),
    )
}
