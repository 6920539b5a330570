//! A published port that the node answered itself instead of forwarding it.
//!
//! Docker reserves a published port with a listener that (before 29.8) nobody
//! accepts from. When the DNAT rule is missing, that listener completes the
//! handshake and the client waits for ever; the path shows a SYN and a SYN-ACK
//! at the node's interface and nothing at all behind it.

use super::Rule;
use crate::diagnose::case::Case;
use crate::diagnose::confirm::on_node;
use crate::diagnose::entry::Kind;
use crate::diagnose::verdict::{Certainty, Verdict, name, packet, seen};
use crate::timeline::{Hop, Leg, Phase, State, Way};
use crate::topology::Role;

pub(super) const DNAT_MISSING: Rule = Rule {
    id: "ingress-dnat-missing",
    title: "The node answers the published port itself: its DOCKER-INGRESS rule is missing",
    symptom: "Connections to the published port on one node open and then hang, or are refused; \
              other nodes work.",
    cause: "The DNAT rule of the DOCKER-INGRESS chain is gone (`iptables -F`, a firewalld \
            reload), so the packet stays on the node, where Docker's reservation of the port \
            accepts the connection and nobody ever reads from it.",
    needs: "Proven: the port is published through the routing mesh, the node's own SYN-ACK or \
            RST was seen, and nothing went through docker_gwbridge, which was watched without a \
            loss. Nothing is said otherwise.",
    fix: "Restart Docker on the node (it writes the chain again), and have whatever flushed the \
          rules leave Docker's chains alone (firewalld: put docker_gwbridge in the docker zone).",
    references: &["moby#50443", "firewalld#503"],
    fallback: false,
    judge: dnat_missing,
};

pub(super) const IPV6: Rule = Rule {
    id: "ingress-ipv6",
    title: "The client came by IPv6, which the routing mesh does not forward",
    symptom: "`localhost:PORT` or a name with an AAAA record hangs; 127.0.0.1:PORT works.",
    cause: "The routing mesh is IPv4 only. Before 29.8, Docker's reservation of the port listens \
            on IPv6 too and accepts connections that nobody ever reads from.",
    needs: "Proven: as for ingress-dnat-missing, and the client dialled an IPv6 address.",
    fix: "Have clients dial an IPv4 address (127.0.0.1 instead of localhost), drop the AAAA \
          record, or upgrade Docker to 29.8, which refuses such connections at once.",
    references: &["moby#28492", "moby#53091"],
    fallback: false,
    judge: ipv6,
};

pub(super) const HOST_PORT: Rule = Rule {
    id: "host-port-not-forwarded",
    title: "The node has no task behind this host-mode port",
    symptom: "A port published with mode=host is refused on some nodes.",
    cause: "Such a port is forwarded only on nodes that run a task of the service; elsewhere, or \
            where the DNAT rule is gone, the node itself answers.",
    needs: "Proven: the port is published in host mode, the node's own answer was seen, and \
            nothing went through docker_gwbridge, which was watched without a loss.",
    fix: "Dial a node that runs a task, or publish the port with mode=ingress; where a task does \
          run on the node, restart its container so that Docker writes the DNAT rule again.",
    references: &[],
    fallback: false,
    judge: host_port,
};

fn dnat_missing(case: &Case<'_>) -> Option<Verdict> {
    if case.timeline.entry.is_ipv6() && !is_mapped(case) {
        return None;
    }
    verdict(&DNAT_MISSING, case, Kind::Published)
}

fn ipv6(case: &Case<'_>) -> Option<Verdict> {
    if !case.timeline.entry.is_ipv6() || is_mapped(case) {
        return None;
    }
    verdict(&IPV6, case, Kind::Published)
}

fn host_port(case: &Case<'_>) -> Option<Verdict> {
    verdict(&HOST_PORT, case, Kind::PublishedOnHost)
}

fn verdict(rule: &Rule, case: &Case<'_>, kind: Kind) -> Option<Verdict> {
    let (index, answer) = own_answer(case).filter(|_| case.kind() == kind)?;
    let node = &answer.node;
    let port = case.timeline.entry.port();
    let list = match kind {
        Kind::Published => "iptables -t nat -nvL DOCKER-INGRESS".to_owned(),
        _ => "iptables -t nat -nvL DOCKER".to_owned(),
    };
    let first = case.hop(0).map(|h| seen(case, h));
    Some(
        Verdict::new(rule, Certainty::Proven, case, index)
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
    let (_, first) = case.hops().next()?;
    let inbound = first.phase == case.opening()
        && case.role(first) == Some(Role::Underlay)
        && (first.leg, first.way) == (Leg::Forward, Way::In)
        && first.vxlan.is_none();
    let stays = case
        .hops()
        .all(|(_, h)| case.role(h) == Some(Role::Underlay) && h.vxlan.is_none());
    let served = case.hops().any(|(_, h)| h.phase == Phase::Response);
    let watched = case.watched(&first.node, Role::GatewayBridge, Way::Out);
    if !inbound || !stays || served || !watched || !case.complete() {
        return None;
    }
    case.hops().find(|(_, h)| {
        let answers = matches!(h.phase, Phase::SynAck | Phase::Rst | Phase::IcmpError);
        answers && (h.leg, h.way) == (Leg::Reply, Way::Out)
    })
}

/// That data got no answer, where it did not.
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
