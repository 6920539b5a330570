//! The words of a timeline.

use crate::output::style::{GOOD, NOTE, WRONG};
use crate::timeline::{Hop, Leg, Phase, Place, Proof, Protocol, Rewrite, State, Timeline};
use anstyle::Style;

/// Who served it: `vote.2 on node-b`.
pub(super) fn served_by(timeline: &Timeline) -> String {
    let name = timeline.task.as_ref().or(timeline.service.as_ref());
    match (name, &timeline.task_node) {
        (Some(name), Some(node)) => format!("{name} on {node}"),
        (Some(name), None) => name.clone(),
        (None, _) => match timeline.protocol {
            Protocol::Tcp => "TCP".to_owned(),
            Protocol::Udp => "UDP".to_owned(),
            Protocol::Sctp => "SCTP".to_owned(),
        },
    }
}

pub(super) fn entry(timeline: &Timeline) -> String {
    match &timeline.entry_node {
        Some(node) => format!("{node}:{}", timeline.entry.port()),
        None => timeline.entry.to_string(),
    }
}

pub(super) fn state(timeline: &Timeline) -> (String, Style) {
    match &timeline.state {
        State::Established if timeline.protocol == Protocol::Udp => ("answered".into(), GOOD),
        State::Established => ("established".into(), GOOD),
        State::Closed => ("closed".into(), GOOD),
        State::Refused { .. } => ("refused".into(), WRONG),
        State::Reset {
            leg: Leg::Forward, ..
        } => ("reset by the client's side".into(), WRONG),
        State::Reset {
            leg: Leg::Reply, ..
        } => ("reset by the server's side".into(), WRONG),
        State::IcmpError { kind, code, .. } => {
            (icmp(*kind, *code, timeline.client.is_ipv6()), WRONG)
        }
        State::Unanswered => ("unanswered".into(), WRONG),
        State::AnswerLost { .. } => ("answer not seen to arrive".into(), NOTE),
    }
}

/// An ICMP error's name.
pub(super) fn icmp(kind: u8, code: u8, v6: bool) -> String {
    let name = match (v6, kind, code) {
        (false, 3, 0) | (true, 1, 0) => "network unreachable",
        (false, 3, 1) | (true, 1, 3) => "host unreachable",
        (false, 3, 3) | (true, 1, 4) => "port unreachable",
        (false, 3, 4) | (true, 2, _) => "packet too big",
        (false, 3, 9 | 10 | 13) | (true, 1, 1) => "administratively prohibited",
        (false, 11, _) | (true, 3, _) => "time exceeded",
        _ => return format!("ICMP error {kind}/{code}"),
    };
    format!("ICMP {name} ({kind}/{code})")
}

/// Where, on its node: `ingress_sbox eth1`, `eth0` for the node's own.
pub(super) fn place(hop: &Hop) -> String {
    match hop.place {
        Place::Host => hop.device.to_string(),
        _ => format!("{} {}", hop.namespace, hop.device),
    }
}

/// Where in full: `node-a ingress_sbox eth1 in`.
pub(super) fn full(hop: &Hop) -> String {
    format!("{} {} {}", hop.node, place(hop), hop.way.name())
}

/// Where, with the node only if it is another.
pub(super) fn at(hop: &Hop, since: &Hop) -> String {
    if hop.node == since.node {
        format!("{} {}", place(hop), hop.way.name())
    } else {
        full(hop)
    }
}

/// A packet's name: `SYN`, `SYN again (2)`, `first data`.
pub(super) fn packet(hop: &Hop, protocol: Protocol) -> String {
    let name = match (hop.phase, protocol) {
        (Phase::Syn, _) => "SYN".to_owned(),
        (Phase::SynAck, _) => "SYN-ACK".to_owned(),
        (Phase::Ack, _) => "ACK".to_owned(),
        (Phase::Request, Protocol::Tcp) => "first data".to_owned(),
        (Phase::Response, Protocol::Tcp) => "first data back".to_owned(),
        (Phase::Request, Protocol::Udp | Protocol::Sctp) => "datagram".to_owned(),
        (Phase::Response, Protocol::Udp | Protocol::Sctp) => "reply".to_owned(),
        (Phase::Fin, _) if hop.leg == Leg::Forward => "FIN of the client".to_owned(),
        (Phase::Fin, _) => "FIN of the server".to_owned(),
        (Phase::Rst, _) => "RST".to_owned(),
        (Phase::IcmpError, _) => match &hop.icmp {
            Some(error) => {
                let name = icmp(error.kind, error.code, error.from.is_ipv6());
                format!("{name} from {} for this packet", error.from)
            }
            None => "ICMP error for this packet".to_owned(),
        },
    };
    if hop.attempt > 1 {
        format!("{name} again ({})", hop.attempt)
    } else {
        name
    }
}

/// What happened since the hop before, and after the last.
pub(super) fn changes(hop: &Hop) -> String {
    let all = hop.rewrites.iter().chain(&hop.then);
    let words: Vec<String> = all.map(change).collect();
    words.join(" · ")
}

fn change(rewrite: &Rewrite) -> String {
    match rewrite {
        Rewrite::Dnat { to, .. } => format!("DNAT → {to}"),
        Rewrite::Redirect { from_port, to_port } => format!("REDIRECT {from_port} → {to_port}"),
        Rewrite::Snat { to, .. } => format!("SNAT {}", to_or_port(rewrite, to)),
        Rewrite::Masquerade { to, .. } => format!("MASQUERADE {}", to_or_port(rewrite, to)),
        Rewrite::Fwmark { mark, .. } => format!("fwmark {mark:#x}"),
        Rewrite::Ipvs {
            backend, scheduler, ..
        } => match scheduler {
            Some(scheduler) => format!("IPVS {scheduler} → {backend}"),
            None => format!("IPVS → {backend}"),
        },
        Rewrite::VxlanEncap { vni, to, .. } => format!("VXLAN {vni} → {to}"),
        Rewrite::VxlanDecap { vni } => format!("VXLAN {vni} taken off"),
        Rewrite::UnDnat { to, .. } => format!("source back to {to}"),
        Rewrite::UnSnat { to, .. } => format!("back to {to}"),
    }
}

/// The new source, with its port only if that changed too.
fn to_or_port(rewrite: &Rewrite, to: &std::net::SocketAddr) -> String {
    match rewrite {
        Rewrite::Snat { from, .. } | Rewrite::Masquerade { from, .. }
            if from.port() == to.port() =>
        {
            to.ip().to_string()
        }
        _ => to.to_string(),
    }
}

/// How a rewrite is known.
pub(super) fn proof(hop: &Hop) -> Option<&'static str> {
    match hop.proof {
        Proof::ConntrackConfirmed => Some("conntrack"),
        Proof::SequenceInferred => Some("inferred"),
        Proof::First if !hop.rewrites.is_empty() => Some("conntrack"),
        Proof::First | Proof::SamePacket if !hop.then.is_empty() => Some("conntrack"),
        Proof::First | Proof::SamePacket => None,
    }
}
