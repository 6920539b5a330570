//! A published port that the node answered itself instead of forwarding it.
//!
//! Docker reserves a published port with a listener that (before 29.8) accepts
//! no connection. Where the DNAT rule is missing, the kernel completes the
//! handshake for that listener and the client waits for ever: the path has a SYN
//! and a SYN-ACK at the node's interface and nothing behind it.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::on_node;
use crate::diagnose::dialled::Dialled;
use crate::diagnose::verdict::at_hop;
use crate::diagnose::words::{name, packet, seen};
use crate::failure::{
    Assurance, Diagnosis, Failure, HOST_PORT_NOT_FORWARDED, INGRESS_DNAT_MISSING, INGRESS_IPV6,
};
use crate::timeline::{Direction, Hop, Leg, Phase, State};
use crate::topology::Role;

pub(super) fn dnat_missing(case: &Case<'_>) -> Option<Diagnosis> {
    if case.timeline.entry.is_ipv6() && !is_mapped(case) {
        return None;
    }
    verdict(&INGRESS_DNAT_MISSING, case, Dialled::Published)
}

pub(super) fn ipv6(case: &Case<'_>) -> Option<Diagnosis> {
    if !case.timeline.entry.is_ipv6() || is_mapped(case) {
        return None;
    }
    verdict(&INGRESS_IPV6, case, Dialled::Published)
}

pub(super) fn host_port(case: &Case<'_>) -> Option<Diagnosis> {
    verdict(&HOST_PORT_NOT_FORWARDED, case, Dialled::PublishedOnHost)
}

fn verdict(failure: &Failure, case: &Case<'_>, kind: Dialled) -> Option<Diagnosis> {
    let (index, answer) = own_answer(case).filter(|_| case.dialled() == kind)?;
    let node = &answer.node;
    let port = case.timeline.entry.port();
    let list = match kind {
        Dialled::Published => "iptables -t nat -nvL DOCKER-INGRESS".to_owned(),
        _ => "iptables -t nat -nvL DOCKER".to_owned(),
    };
    let first = case.hop(0).map(|h| seen(case, h));
    Some(
        at_hop(failure, Assurance::Likely, case, index)
            .because_of(first)
            .because(format!("the node's own {}", seen(case, answer)))
            .because("nothing at docker_gwbridge out, which was watched; no event was lost")
            .because_of(unserved(case, index))
            .confirm(on_node(case, node, &list))
            .confirm(on_node(case, node, &format!("ss -ltnp 'sport = :{port}'"))),
    )
}

/// The answer of the node itself at its own interface, in a flow that never
/// went behind it.
fn own_answer<'a>(case: &Case<'a>) -> Option<(usize, &'a Hop)> {
    // A prohibition is a packet filter's, not the stack's.
    if case.prohibited().is_some() {
        return None;
    }
    let (_, first) = case.hops().next()?;
    let inbound = first.phase == case.opening()
        && case.role(first) == Some(Role::Underlay)
        && (first.leg, first.way) == (Leg::Forward, Direction::Ingress)
        && first.vxlan.is_none();
    let stays = case
        .hops()
        .all(|(_, h)| case.role(h) == Some(Role::Underlay) && h.vxlan.is_none());
    let served = case.hops().any(|(_, h)| h.phase == Phase::Response);
    let watched = case.watched(&first.node, Role::GatewayBridge, Direction::Egress);
    if !inbound || !stays || served || !watched || !case.complete() {
        return None;
    }
    case.hops().find(|(_, h)| {
        let answers = matches!(h.phase, Phase::SynAck | Phase::Rst | Phase::IcmpError);
        answers && (h.leg, h.way) == (Leg::Reply, Direction::Egress)
    })
}

/// The evidence that data got no answer, if it got none.
fn unserved(case: &Case<'_>, index: usize) -> Option<String> {
    let open = matches!(case.timeline.state, State::Established | State::Closed);
    let (_, request) = case.hops().find(|(_, h)| h.phase == Phase::Request)?;
    (open && index > 0).then(|| {
        format!(
            "the {} at {} was never answered",
            packet(request),
            name(case, request)
        )
    })
}

fn is_mapped(case: &Case<'_>) -> bool {
    case.timeline.entry.ip().to_canonical().is_ipv4()
}
