//! The packet reached the task and nothing came out of it.

use super::Rule;
use crate::diagnose::case::{Case, Tap};
use crate::diagnose::confirm::within;
use crate::diagnose::verdict::{Certainty, Verdict};
use crate::timeline::{Leg, Protocol, Way};
use crate::topology::Role;

pub(super) const RULE: Rule = Rule {
    id: "task-silent",
    title: "The task got the packet and did not answer",
    symptom: "Connections to one task hang; the network delivers them.",
    cause: "The process's accept queue is full (it is stuck or overloaded), its answer has no \
            route or neighbour entry, the packet's checksum is wrong, or, for UDP, the \
            application does not answer.",
    needs: "Likely: the packet came into the task's device and nothing left by it, watched \
            without a loss, and the kernel reports no drop.",
    fix: "Look into the task: Recv-Q of the listening socket at its limit means the process \
          does not accept; rising TcpExtListenOverflows the same; TcpInCsumErrors means damaged \
          packets (see checksum-corruption).",
    references: &["moby#52661"],
    fallback: true,
    judge,
};

fn judge(case: &Case<'_>) -> Option<Verdict> {
    let stop = case.forward_stop().filter(|s| s.drop.is_none())?;
    let hop = stop.hop;
    if !stop.role.is_some_and(Role::in_container) || hop.way != Way::In {
        return None;
    }
    let (netns, ifindex, way) = (hop.netns, hop.ifindex, Way::Out);
    let out = case
        .hops()
        .any(|(_, h)| h.leg == Leg::Reply && (&h.node, h.netns) == (&hop.node, netns));
    let watched = case.coverage.tapped(
        &hop.node,
        Tap {
            netns,
            ifindex,
            way,
        },
    );
    if out || !watched || !case.complete() {
        return None;
    }
    let list = |command| within(case, &hop.node, netns, command);
    let listeners = match case.timeline.protocol {
        Protocol::Tcp => "ss -ltn",
        Protocol::Udp | Protocol::Sctp => "ss -lun",
    };
    Some(
        Verdict::stopped(&RULE, Certainty::Likely, case, &stop)
            .because(
                "nothing left the task by the same device, which was watched; no event was lost",
            )
            .confirm_all(list(listeners))
            .confirm_all(list(
                "nstat -asz TcpExtListenOverflows TcpExtListenDrops TcpInCsumErrors",
            ))
            .confirm_all(list("ip neigh show")),
    )
}
