//! Docker's own filter inside the task: on the ingress network only published
//! ports are let in.

use super::Rule;
use crate::diagnose::case::Case;
use crate::diagnose::confirm::within;
use crate::diagnose::verdict::{Certainty, Verdict, dropped, name};
use crate::timeline::{Hop, Leg, Protocol, Way};
use crate::topology::{NamespaceKind, PublishMode, Role};

pub(super) const RULE: Rule = Rule {
    id: "task-firewall",
    title: "The firewall in the task's namespace stops the packet",
    symptom: "One port of a task is silent over the ingress network, though the process listens.",
    cause: "Docker lets only published ports in on the ingress network; the port is not (or no \
            longer) published, or the rules in the task's namespace are stale or somebody \
            else's. A packet that was damaged on the way is stopped by the same rules: to \
            conntrack it is INVALID, so they do not know it for a published port's.",
    needs: "Proven: a netfilter drop in the task's namespace, or an ICMP error born in the task \
            that only a firewall sends: port unreachable in answer to TCP, or prohibited.",
    fix: "Publish the port (docker service update --publish-add), or reach the task over an \
          overlay network of your own instead of ingress; if it is published, replace the task \
          (docker service update --force). If only connections from another node are stopped, \
          see checksum-corruption.",
    references: &[],
    fallback: false,
    judge,
};

fn judge(case: &Case<'_>) -> Option<Verdict> {
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
            let verdict = Verdict::stopped(&RULE, Certainty::Proven, case, &stop);
            verdict.because_of((!known).then(|| dropped(drop)))
        }
        None => {
            let last = case.timeline.hops.len().checked_sub(1)?;
            Verdict::new(&RULE, Certainty::Proven, case, last).because(dropped(drop))
        }
    };
    let list = |command| within(case, &drop.node, drop.netns, command);
    let port = drop.destination.port();
    let ports = case.service().into_iter().flat_map(|s| &s.ports);
    let published = { ports }.any(|p| p.published == port && p.mode == PublishMode::Ingress);
    let damaged = published && came_by_vxlan(case, &drop.node);
    let line = format!(
        "port {port} is published, so the rules ought to let it in: they are stale, or the packet \
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
        h.leg == Leg::Forward && h.way == Way::In && h.vxlan.is_some() && *h.node == *node
    };
    case.hops().any(|(_, h)| arrived(h))
}

/// An answer of a REJECT rule: no stack answers TCP by ICMP of itself.
fn rejected(case: &Case<'_>) -> Option<Verdict> {
    let (index, hop, kind, code) = case.icmp_birth()?;
    let by_rule =
        matches!(code, 9 | 10 | 13) || code == 3 && case.timeline.protocol == Protocol::Tcp;
    let born_inside = hop.way == Way::Out && case.role(hop).is_some_and(Role::in_container);
    if kind != 3 || !by_rule || !born_inside {
        return None;
    }
    let line = format!(
        "ICMP {kind}/{code}, first seen leaving the task at {}: a REJECT rule",
        name(case, hop)
    );
    Some(
        Verdict::new(&RULE, Certainty::Proven, case, index)
            .because(line)
            .confirm_all(within(case, &hop.node, hop.netns, "iptables -nvL")),
    )
}
