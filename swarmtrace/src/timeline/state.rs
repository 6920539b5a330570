//! What became of a flow, by its hops alone.
//!
//! That a path ends somewhere is no evidence that the packet was dropped there.

use super::hop::{Hop, Proof};
use super::model::State;
use crate::flow::{Leg, Phase};
use crate::sys::protocol::Protocol;

/// The last hop of the transmission that got furthest on the forward leg.
pub(super) fn reached(hops: &[Hop]) -> Option<usize> {
    furthest(hops, |h| {
        h.leg == Leg::Forward && matches!(h.phase, Phase::Syn | Phase::Request)
    })
}

/// The last hop of the transmission that got furthest, the first of equals. Not the last
/// transmission: it may have been under way when the trace ended.
fn furthest(hops: &[Hop], of: impl Fn(&Hop) -> bool) -> Option<usize> {
    let mut best: Option<(usize, usize)> = None;
    let mut start = 0;
    for group in hops.chunk_by(same_packet) {
        let end = start + group.len();
        let fits = group.first().is_some_and(&of);
        if fits && best.is_none_or(|(len, _)| group.len() > len) {
            best = Some((group.len(), end - 1));
        }
        start = end;
    }
    best.map(|(_, index)| index)
}

/// Whether two hops were taken by one transmission of one packet.
pub(crate) fn same_packet(a: &Hop, b: &Hop) -> bool {
    a.phase == b.phase && a.attempt == b.attempt && a.leg == b.leg && b.proof != Proof::First
}

/// What became of a flow with those hops, `closed`: both ends sent a FIN.
pub(super) fn state(protocol: Protocol, closed: bool, hops: &[Hop]) -> State {
    let at = |phase: Phase| hops.iter().position(|h| h.phase == phase);
    let answer = match protocol {
        Protocol::Tcp => Phase::SynAck,
        Protocol::Udp | Protocol::Sctp => Phase::Response,
    };
    let speech = [Phase::Request, Phase::Response, Phase::Ack, Phase::Fin];
    let spoken = protocol == Protocol::Tcp && hops.iter().any(|h| speech.contains(&h.phase));
    let answered = at(answer).is_some() || spoken;
    if let Some(by) = at(Phase::Rst) {
        let leg = hops[by].leg;
        // The reset of a SYN has sequence number 0 (RFC 9293, 3.10.7.1); without
        // a SYN any other one is that of a connection which had been open.
        let opened = at(Phase::Syn).is_some() || hops[by].packet.seq == 0;
        if !answered && leg == Leg::Reply && opened {
            return State::Refused { by };
        }
        if !closed {
            return State::Reset { by, leg };
        }
    }
    if closed {
        return State::Closed;
    }
    if let Some(by) = at(Phase::IcmpError)
        && !answered
        && let Some(icmp) = &hops[by].icmp
    {
        return State::IcmpError {
            by,
            kind: icmp.kind,
            code: icmp.code,
        };
    }
    let first = hops.iter().find(|h| h.leg == Leg::Forward);
    let home = |h: &Hop| {
        first.is_none_or(|f| {
            // A node's one interface has both the client and the overlay behind it.
            let inside = f.vxlan.is_some() == h.vxlan.is_some();
            inside && f.node == h.node && f.at() == h.at()
        })
    };
    if spoken || hops.iter().any(|h| h.phase == answer && home(h)) {
        State::Established
    } else if let Some(last) = furthest(hops, |h| h.phase == answer) {
        State::AnswerLost { last }
    } else {
        State::Unanswered
    }
}
