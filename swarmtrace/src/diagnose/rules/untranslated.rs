//! Answers that come back under an address nobody dialled.
//!
//! Whatever a device saw go forward from X to Y must come back through it from
//! Y to X. Where the answer's source is another, a translation was not undone:
//! the receiver does not know the connection and resets it.

use super::Rule;
use crate::diagnose::case::Case;
use crate::diagnose::confirm::{on_node, within};
use crate::diagnose::entry::Kind;
use crate::diagnose::verdict::{Certainty, Verdict, seen};
use crate::timeline::{Hop, Leg};
use crate::topology::{NamespaceKind, Role};

pub(super) const UNTRANSLATED: Rule = Rule {
    id: "reply-not-translated",
    title: "The answer comes back under the task's own address: NAT was not undone",
    symptom: "Sporadic resets, more under load or with lossy clients; the task sees resets from \
              a peer that had just connected.",
    cause: "Conntrack took a packet for INVALID (out of window, a late retransmission) and let \
            it pass without translating it back, or the entry was gone.",
    needs: "Proven: the answer was seen at a device under another source than the address that \
            went forward through it, and the connection failed.",
    fix: "Drop INVALID packets instead of passing them on: iptables -I FORWARD -m conntrack \
          --ctstate INVALID -j DROP in the sandbox, or net.netfilter.nf_conntrack_tcp_be_liberal=1 \
          there.",
    references: &["moby#40374"],
    fallback: false,
    judge: untranslated,
};

pub(super) const HAIRPIN: Rule = Rule {
    id: "hairpin-without-br-netfilter",
    title: "A container dials its own node's published port, and the answer takes a short cut",
    symptom: "Containers cannot reach services by their own node's address and published port; \
              others can.",
    cause: "The answer is switched by docker_gwbridge straight to the container; without \
            br_netfilter conntrack does not see it and does not translate it back, so the \
            container resets a connection it never opened.",
    needs: "Proven: the client is a container on docker_gwbridge, and the answer reached its port \
            under the sandbox's address instead of the node's.",
    fix: "modprobe br_netfilter and sysctl -w net.bridge.bridge-nf-call-iptables=1, for good in \
          modules-load.d and sysctl.d; or have containers use the service's name on a shared \
          overlay network.",
    references: &["libnetwork#2227", "moby#53723"],
    fallback: false,
    judge: hairpin,
};

fn untranslated(case: &Case<'_>) -> Option<Verdict> {
    let (index, forward, reply) = mismatch(case)?;
    if is_hairpin(case, reply) {
        return None;
    }
    let list = format!("conntrack -L -p tcp --dport {}", forward.destination.port());
    Some(
        verdict(&UNTRANSLATED, case, index, forward, reply)
            .confirm_all(within(case, &reply.node, reply.netns, &list))
            .confirm_all(within(
                case,
                &reply.node,
                reply.netns,
                "sysctl net.netfilter.nf_conntrack_tcp_be_liberal",
            )),
    )
}

fn hairpin(case: &Case<'_>) -> Option<Verdict> {
    let (index, forward, reply) = mismatch(case).filter(|(_, _, r)| is_hairpin(case, r))?;
    let node = &reply.node;
    Some(
        verdict(&HAIRPIN, case, index, forward, reply)
            .confirm(on_node(
                case,
                node,
                "sysctl net.bridge.bridge-nf-call-iptables",
            ))
            .confirm(on_node(case, node, "lsmod | grep br_netfilter")),
    )
}

/// Whether an answer came back under an address that was not asked.
pub(super) fn is_misled(case: &Case<'_>) -> bool {
    mismatch(case).is_some()
}

fn verdict(rule: &Rule, case: &Case<'_>, index: usize, forward: &Hop, reply: &Hop) -> Verdict {
    Verdict::new(rule, Certainty::Proven, case, index)
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
/// depending on br_netfilter.
fn is_mirror(case: &Case<'_>, forward: &Hop, reply: &Hop) -> bool {
    forward.leg == Leg::Forward
        && forward.phase == case.opening()
        && forward.way != reply.way
        && (&forward.node, forward.netns, forward.ifindex)
            == (&reply.node, reply.netns, reply.ifindex)
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
    at_client && container && case.kind() == Kind::Published
}
