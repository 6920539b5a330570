//! Answers that come back under another address than was dialled.
//!
//! A packet that a device saw go from X to Y must be answered through it from Y
//! to X. Where the answer's source is another, a translation was not undone: the
//! receiver does not know the connection and resets it.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::{on_node, within};
use crate::diagnose::dialled::Dialled;
use crate::diagnose::verdict::at_hop;
use crate::diagnose::words::seen;
use crate::failure::{
    Assurance, Diagnosis, Failure, HAIRPIN_WITHOUT_BR_NETFILTER, REPLY_NOT_TRANSLATED,
};
use crate::timeline::{Hop, Leg};
use crate::topology::NamespaceKind;
use crate::topology::Role;

pub(super) fn untranslated(case: &Case<'_>) -> Option<Diagnosis> {
    let (index, forward, reply) = mismatch(case)?;
    if is_hairpin(case, reply) {
        return None;
    }
    let list = format!("conntrack -L -p tcp --dport {}", forward.destination.port());
    Some(
        verdict(&REPLY_NOT_TRANSLATED, case, index, forward, reply)
            .confirm_all(within(case, &reply.node, reply.netns, &list))
            .confirm_all(within(
                case,
                &reply.node,
                reply.netns,
                "sysctl net.netfilter.nf_conntrack_tcp_be_liberal",
            )),
    )
}

pub(super) fn hairpin(case: &Case<'_>) -> Option<Diagnosis> {
    let (index, forward, reply) = mismatch(case).filter(|(_, _, r)| is_hairpin(case, r))?;
    let node = &reply.node;
    Some(
        verdict(&HAIRPIN_WITHOUT_BR_NETFILTER, case, index, forward, reply)
            .confirm(on_node(
                case,
                node,
                "sysctl net.bridge.bridge-nf-call-iptables",
            ))
            .confirm(on_node(case, node, "lsmod | grep br_netfilter")),
    )
}

/// Whether an answer came back under another address than was dialled.
pub(super) fn is_mistranslated(case: &Case<'_>) -> bool {
    mismatch(case).is_some()
}

fn verdict(
    failure: &Failure,
    case: &Case<'_>,
    index: usize,
    forward: &Hop,
    reply: &Hop,
) -> Diagnosis {
    at_hop(failure, Assurance::Likely, case, index)
        .because(format!("asked: {}", seen(case, forward)))
        .because(format!("answered: {}", seen(case, reply)))
        .because(format!(
            "the answer should come from {}, it comes from {}",
            forward.destination, reply.source
        ))
}

/// The first answer whose source is not what went forward through its device.
fn mismatch<'a>(case: &Case<'a>) -> Option<(usize, &'a Hop, &'a Hop)> {
    if !case.failing() && !case.unheard() {
        return None;
    }
    case.hops()
        .filter(|(_, h)| h.leg == Leg::Reply && h.phase == case.answer())
        .find_map(|(index, reply)| {
            let (_, forward) = case.hops().find(|(_, f)| is_mirror(case, f, reply))?;
            (forward.destination != reply.source).then_some((index, forward, reply))
        })
}

/// Whether `forward` is the way in to what `reply` is the way out of. The node's
/// bridge is no mirror: it shows an answer before or after translation,
/// depending on `br_netfilter`.
fn is_mirror(case: &Case<'_>, forward: &Hop, reply: &Hop) -> bool {
    forward.leg == Leg::Forward
        && forward.phase == case.opening()
        && forward.way != reply.way
        && (&forward.node, forward.at()) == (&reply.node, reply.at())
        && forward.vxlan.is_some() == reply.vxlan.is_some()
        && case.role(forward) != Some(Role::GatewayBridge)
}

/// Whether the client is a container that dialled a published port and the
/// answer is at its end.
fn is_hairpin(case: &Case<'_>, reply: &Hop) -> bool {
    let at_client = matches!(
        case.role(reply),
        Some(Role::GatewayPort | Role::TaskGateway)
    );
    let client = case.timeline.client.ip();
    let container = case.topology.namespaces.iter().any(|n| {
        matches!(n.kind, NamespaceKind::Container { .. })
            && (n.devices.iter()).any(|d| d.addresses.iter().any(|a| a.addr() == client))
    });
    at_client && container && case.dialled() == Dialled::Published
}
