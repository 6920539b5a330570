//! Whether a packet belongs to a flow: the rules, and nothing but the rules.
//!
//! A TCP packet whose addresses the flow already wears belongs to it when its
//! numbers fit: a SYN must carry the client's initial sequence number, a
//! SYN-ACK or the reset of a SYN must acknowledge it, first data must follow
//! on from it. Anything later must lie in reach of the sequence numbers and be
//! met where the flow was met before, or be a packet that was already seen
//! elsewhere. So a tuple that is used again, or that exists in two namespaces
//! at once, does not mix two connections.
//!
//! A packet with unknown addresses and no conntrack entry is recognised by its
//! sequence number together with what no rewrite changes: IP identification
//! and timestamps, else the client's port. Where two flows fit equally well,
//! it belongs to neither. Marks, outer ports, hashes and sk_buff addresses
//! never decide.

use super::leg::Leg;
use super::open_flow::{Live, PROTOCOL_TCP, is_syn, is_syn_ack, marks};
use super::phase::Phase;
use swarmtrace_common::{PacketEvent, flags, tcp};

/// How long a sequence number stays the mark of one connection.
const ISN_WINDOW: u64 = 120_000_000_000;
/// Where Linux' ephemeral ports begin (net.ipv4.ip_local_port_range).
const EPHEMERAL: u16 = 32_768;
/// Bytes that may be in flight beyond what the time since the start allows.
const SLACK: u64 = 1 << 24;
/// 100 Gbit/s, in sixteenths of a byte a nanosecond.
const SIXTEENTHS_PER_NS: u64 = 200;

/// What a TCP packet is on that leg of that flow; `None` for packets that are
/// not kept one by one.
pub(super) fn phase(flow: &Live, event: &PacketEvent, leg: Leg) -> Option<Phase> {
    if event.has(flags::ICMP_ERROR) {
        return Some(Phase::IcmpError);
    }
    if flow.protocol != PROTOCOL_TCP {
        return Some(match leg {
            Leg::Forward => Phase::Request,
            Leg::Reply => Phase::Response,
        });
    }
    if event.tcp_flags & tcp::RST != 0 {
        Some(Phase::Rst)
    } else if is_syn_ack(event) {
        Some(Phase::SynAck)
    } else if is_syn(event) {
        Some(Phase::Syn)
    } else if event.payload_length > 0 && is_first_data(flow, event, leg) {
        Some(match leg {
            Leg::Forward => Phase::Request,
            Leg::Reply => Phase::Response,
        })
    } else if event.tcp_flags & tcp::FIN != 0 {
        Some(Phase::Fin)
    } else if event.payload_length == 0
        && leg == Leg::Forward
        && event.seq == flow.isn.wrapping_add(1)
        && flow.is(marks::ANSWERED)
        && event.ack == flow.server_isn.wrapping_add(1)
    {
        Some(Phase::Ack)
    } else {
        None
    }
}

fn isn(flow: &Live, leg: Leg) -> Option<u32> {
    match leg {
        Leg::Forward => Some(flow.isn),
        Leg::Reply => flow.is(marks::ANSWERED).then_some(flow.server_isn),
    }
}

fn is_first_data(flow: &Live, event: &PacketEvent, leg: Leg) -> bool {
    match isn(flow, leg) {
        Some(isn) => event.seq == isn.wrapping_add(1),
        None => event.has(flags::FIRST_DATA),
    }
}

/// Whether a TCP packet that wears the flow's addresses on that leg is the
/// flow's. `met`: the addresses were met in this namespace before.
pub(super) fn tcp_fits(
    flow: &Live,
    event: &PacketEvent,
    leg: Leg,
    met: impl FnOnce() -> bool,
) -> bool {
    if flow.is(marks::LATE) {
        let reset = event.tcp_flags & tcp::RST != 0 && !event.has(flags::ICMP_ERROR);
        return reset && (met() || seen_elsewhere(flow, event, leg));
    }
    if event.time.abs_diff(flow.last) > ISN_WINDOW && is_syn(event) {
        return false;
    }
    if event.has(flags::ICMP_ERROR) {
        // The quoted packet's sequence number, where the kernel side read it.
        let quoted = event.seq == 0 || in_reach(flow, event.time, event.seq, leg);
        return quoted && (event.seq == flow.isn || met());
    }
    if is_syn(event) {
        return leg == Leg::Forward && event.seq == flow.isn;
    }
    if is_syn_ack(event) {
        return leg == Leg::Reply && event.ack == flow.isn.wrapping_add(1);
    }
    if answers_syn(flow, event, leg) {
        return true;
    }
    if event.payload_length > 0
        && isn(flow, leg).is_some_and(|isn| event.seq == isn.wrapping_add(1))
    {
        return true;
    }
    numbers_fit(flow, event, leg) && (met() || seen_elsewhere(flow, event, leg))
}

/// A reset of the flow's SYN: RFC 9293, 3.10.7.1 gives it sequence number 0.
fn answers_syn(flow: &Live, event: &PacketEvent, leg: Leg) -> bool {
    leg == Leg::Reply
        && event.tcp_flags & (tcp::RST | tcp::ACK) == tcp::RST | tcp::ACK
        && event.ack == flow.isn.wrapping_add(1)
}

fn numbers_fit(flow: &Live, event: &PacketEvent, leg: Leg) -> bool {
    let other = match leg {
        Leg::Forward => Leg::Reply,
        Leg::Reply => Leg::Forward,
    };
    let acknowledges = event.tcp_flags & tcp::ACK != 0;
    let by_ack =
        acknowledges && isn(flow, other).is_some() && in_reach(flow, event.time, event.ack, other);
    if event.tcp_flags & tcp::RST != 0 && event.seq == 0 {
        return by_ack;
    }
    match isn(flow, leg) {
        Some(_) => in_reach(flow, event.time, event.seq, leg),
        None => by_ack,
    }
}

/// Whether a leg's sequence number can have been reached by that time.
fn in_reach(flow: &Live, time: u64, number: u32, leg: Leg) -> bool {
    let Some(isn) = isn(flow, leg) else {
        return true;
    };
    let passed = time.abs_diff(flow.start);
    let reach = SLACK.saturating_add(passed.saturating_mul(SIXTEENTHS_PER_NS) / 16);
    u64::from(number.wrapping_sub(isn)) <= reach
}

/// On which leg a packet lies whose flow's beginning was not seen: conntrack knows
/// who opened the connection; without an entry whoever has the ephemeral port is
/// taken to have done so.
pub(super) fn leg_alone(event: &PacketEvent) -> Leg {
    if let Some((original, reply)) = event.conntrack() {
        if event.tuple == *original || event.tuple == reply.reversed() {
            return Leg::Forward;
        }
        if event.tuple == *reply || event.tuple == original.reversed() {
            return Leg::Reply;
        }
    }
    let (from, to) = (event.tuple.src_port, event.tuple.dst_port);
    if from < EPHEMERAL && to >= EPHEMERAL {
        Leg::Reply
    } else {
        Leg::Forward
    }
}

fn seen_elsewhere(flow: &Live, event: &PacketEvent, leg: Leg) -> bool {
    phase(flow, event, leg).is_some_and(|phase| {
        flow.transmissions(event, phase, leg)
            .any(|(_, packet)| packet.may_be(event))
    })
}

/// Whether a UDP datagram that wears the flow's addresses is the flow's.
pub(super) fn udp_fits(
    flow: &Live,
    event: &PacketEvent,
    leg: Leg,
    met: impl FnOnce() -> bool,
) -> bool {
    if event.has(flags::ICMP_ERROR) {
        return met();
    }
    seen_elsewhere(flow, event, leg) || met()
}

/// How well a packet with unknown addresses fits a flow by its numbers alone;
/// the higher the better, `None` where it does not.
pub(super) fn numbers_alone(flow: &Live, event: &PacketEvent) -> Option<(Leg, u8)> {
    let late = flow.is(marks::LATE);
    if event.tuple.protocol != flow.protocol || event.has(flags::ICMP_ERROR) || late {
        return None;
    }
    let tcp = flow.protocol == PROTOCOL_TCP;
    let (leg, phase) = if !tcp {
        (Leg::Forward, Phase::Request)
    } else if is_syn(event) && event.seq == flow.isn {
        (Leg::Forward, Phase::Syn)
    } else if is_syn_ack(event) && event.ack == flow.isn.wrapping_add(1) {
        (Leg::Reply, Phase::SynAck)
    } else if answers_syn(flow, event, Leg::Reply) && event.seq == 0 {
        (Leg::Reply, Phase::Rst)
    } else {
        return None;
    };
    let port = match leg {
        Leg::Forward => event.tuple.src_port,
        Leg::Reply => event.tuple.dst_port,
    };
    let same_port = flow.tuples.iter().any(|tuple| tuple.src_port == port);
    let keyed = event.ip_id != 0 || event.has(flags::TIMESTAMPS);
    let same_packet = flow
        .transmissions(event, phase, leg)
        .any(|(_, packet)| packet.may_be(event));
    // The answer to a SYN echoes the SYN's timestamp.
    let echoes = leg == Leg::Reply
        && event.has(flags::TIMESTAMPS)
        && event.tsecr != 0
        && flow
            .packets
            .iter()
            .any(|p| p.phase == Phase::Syn && p.tsval == event.tsecr);
    let contradicted = leg == Leg::Reply
        && event.has(flags::TIMESTAMPS)
        && event.tsecr != 0
        && flow
            .packets
            .iter()
            .any(|p| p.phase == Phase::Syn && p.tsval != 0)
        && !echoes;
    let near = event.time.abs_diff(flow.last) <= 1_000_000_000;
    let certain = (same_packet && keyed) || echoes;
    let likely = same_port && near && !keyed && (same_packet || leg == Leg::Reply);
    let answer = same_port && near && leg == Leg::Reply && !contradicted;
    if contradicted || !(certain || likely || answer) {
        return None;
    }
    Some((leg, u8::from(same_port) + 2 * u8::from(certain)))
}
