//! The packet reached the task and nothing came out of it.

use crate::diagnose::case::{Case, Tap};
use crate::diagnose::confirm::within;
use crate::diagnose::verdict::at_stop;
use crate::failure::{Assurance, Diagnosis, TASK_SILENT};
use crate::timeline::{Direction, Leg, Protocol};
use crate::topology::Role;

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.forward_stop().filter(|s| s.drop.is_none())?;
    let hop = stop.hop;
    if !stop.role.is_some_and(Role::in_container) || hop.way != Direction::Ingress {
        return None;
    }
    let out = case
        .hops()
        .any(|(_, h)| h.leg == Leg::Reply && (&h.node, h.netns) == (&hop.node, hop.netns));
    let tap = Tap {
        at: hop.at(),
        way: Direction::Egress,
    };
    let watched = case.coverage.tapped(&hop.node, tap);
    if out || !watched || !case.complete() {
        return None;
    }
    let list = |command| within(case, &hop.node, hop.netns, command);
    let listeners = match case.timeline.protocol {
        Protocol::Tcp => "ss -ltn",
        Protocol::Udp | Protocol::Sctp => "ss -lun",
    };
    Some(
        at_stop(&TASK_SILENT, Assurance::Likely, case, &stop)
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
