//! The rules by which a packet belongs to a flow.
//!
//! A TCP packet with addresses of the flow's belongs to it when its numbers fit: a SYN must carry the client's initial sequence number, a
//! SYN-ACK or the reset of a SYN must acknowledge it, first data must follow
//! on from it. Anything later must lie in reach of the sequence numbers and be
//! seen where the flow was seen before, or be a packet that was already seen
//! elsewhere. So a tuple that is used again, or that exists in two namespaces
//! at once, does not mix two connections.
//!
//! A packet with unknown addresses and no conntrack entry is recognised by its
//! sequence number together with what no rewrite changes: IP identification
//! and timestamps, else the client's port. Where two flows fit equally well,
//! it belongs to neither. Marks, outer ports, hashes and `sk_buff` addresses
//! never decide.

use super::conntrack::{Side, side_of};
use super::leg::Leg;
use super::marks::Marks;
use super::open_flow::OpenFlow;
use super::packet::{is_rst_ack, is_syn, is_syn_ack};
use super::phase::Phase;
use crate::sys::clock::{Mono, Nanos};
use crate::sys::protocol::Protocol;
use swarmtrace_common::{PacketEvent, PacketFlags, TcpFlags};

/// How long a sequence number stays the mark of one connection.
const ISN_WINDOW: Nanos = Nanos::from_secs(120);
/// How far from a flow's last packet one with numbers that are not proof may be.
const NEAR: Nanos = Nanos::from_secs(1);
/// Where Linux' ephemeral ports begin (`net.ipv4.ip_local_port_range`).
const EPHEMERAL: u16 = 32_768;
/// Bytes that may be in flight beyond what the time since the start allows.
const SLACK: u64 = 1 << 24;
/// 100 Gbit/s, in sixteenths of a byte a nanosecond.
const SIXTEENTHS_PER_NS: u64 = 200;

/// What a TCP packet is on that leg of that flow; `None` for packets that are
/// not kept one by one.
pub(super) fn phase(flow: &OpenFlow, event: &PacketEvent, leg: Leg) -> Option<Phase> {
    if event.has(PacketFlags::ICMP_ERROR) {
        return Some(Phase::IcmpError);
    }
    if flow.protocol != Protocol::Tcp {
        return Some(match leg {
            Leg::Forward => Phase::Request,
            Leg::Reply => Phase::Response,
        });
    }
    if event.tcp_flags.contains(TcpFlags::RST) {
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
    } else if event.tcp_flags.contains(TcpFlags::FIN) {
        Some(Phase::Fin)
    } else if event.payload_length == 0
        && leg == Leg::Forward
        && event.seq == flow.isn.wrapping_add(1)
        && flow.is(Marks::ANSWERED)
        && event.ack == flow.server_isn.wrapping_add(1)
    {
        Some(Phase::Ack)
    } else {
        None
    }
}

fn isn(flow: &OpenFlow, leg: Leg) -> Option<u32> {
    match leg {
        Leg::Forward => Some(flow.isn),
        Leg::Reply => flow.is(Marks::ANSWERED).then_some(flow.server_isn),
    }
}

fn is_first_data(flow: &OpenFlow, event: &PacketEvent, leg: Leg) -> bool {
    match isn(flow, leg) {
        Some(isn) => event.seq == isn.wrapping_add(1),
        None => event.has(PacketFlags::FIRST_DATA),
    }
}

/// Whether a TCP packet with the flow's addresses on that leg is the flow's.
/// `seen_here`: these addresses were seen in this namespace before.
pub(super) fn tcp_fits(
    flow: &OpenFlow,
    event: &PacketEvent,
    leg: Leg,
    seen_here: impl FnOnce() -> bool,
) -> bool {
    if flow.is(Marks::LATE) {
        let reset = event.tcp_flags.contains(TcpFlags::RST) && !event.has(PacketFlags::ICMP_ERROR);
        return reset && (seen_here() || was_seen(flow, event, leg));
    }
    if Mono::of(event).distance(flow.last) > ISN_WINDOW && is_syn(event) {
        return false;
    }
    if event.has(PacketFlags::ICMP_ERROR) {
        // The quoted packet's sequence number, where the kernel side read it.
        let quoted = event.seq == 0 || in_reach(flow, Mono::of(event), event.seq, leg);
        return quoted && (event.seq == flow.isn || seen_here());
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
    numbers_fit(flow, event, leg) && (seen_here() || was_seen(flow, event, leg))
}

/// A reset of the flow's SYN: RFC 9293, 3.10.7.1 gives it sequence number 0.
fn answers_syn(flow: &OpenFlow, event: &PacketEvent, leg: Leg) -> bool {
    leg == Leg::Reply && is_rst_ack(event) && event.ack == flow.isn.wrapping_add(1)
}

fn numbers_fit(flow: &OpenFlow, event: &PacketEvent, leg: Leg) -> bool {
    let other = leg.opposite();
    let acknowledges = event.tcp_flags.contains(TcpFlags::ACK);
    let by_ack = acknowledges
        && isn(flow, other).is_some()
        && in_reach(flow, Mono::of(event), event.ack, other);
    if event.tcp_flags.contains(TcpFlags::RST) && event.seq == 0 {
        return by_ack;
    }
    match isn(flow, leg) {
        Some(_) => in_reach(flow, Mono::of(event), event.seq, leg),
        None => by_ack,
    }
}

/// Whether a leg's sequence number can have been reached by that time.
fn in_reach(flow: &OpenFlow, time: Mono, number: u32, leg: Leg) -> bool {
    let Some(isn) = isn(flow, leg) else {
        return true;
    };
    let passed = time.distance(flow.start).unsigned();
    let reach = SLACK.saturating_add(passed.saturating_mul(SIXTEENTHS_PER_NS) / 16);
    u64::from(number.wrapping_sub(isn)) <= reach
}

/// On which leg a packet lies whose flow's beginning was not seen: conntrack knows
/// who opened the connection; without an entry whoever has the ephemeral port is
/// taken to have done so.
pub(super) fn leg_alone(event: &PacketEvent) -> Leg {
    let side = event
        .conntrack()
        .and_then(|(original, reply)| side_of(&event.tuple, original, reply));
    match side {
        Some(Side::Original) => return Leg::Forward,
        Some(Side::Reply) => return Leg::Reply,
        None => {}
    }
    let (from, to) = (event.tuple.src_port, event.tuple.dst_port);
    if from < EPHEMERAL && to >= EPHEMERAL {
        Leg::Reply
    } else {
        Leg::Forward
    }
}

/// Whether the packet was seen before, wherever.
fn was_seen(flow: &OpenFlow, event: &PacketEvent, leg: Leg) -> bool {
    phase(flow, event, leg).is_some_and(|phase| flow.has_transmission(event, phase, leg))
}

/// Whether a UDP datagram with the flow's addresses is the flow's.
pub(super) fn udp_fits(
    flow: &OpenFlow,
    event: &PacketEvent,
    leg: Leg,
    seen_here: impl FnOnce() -> bool,
) -> bool {
    if event.has(PacketFlags::ICMP_ERROR) {
        return seen_here();
    }
    was_seen(flow, event, leg) || seen_here()
}

/// How well a packet with unknown addresses fits a flow by its numbers alone;
/// the higher the better, `None` where it does not.
pub(super) fn numbers_alone(flow: &OpenFlow, event: &PacketEvent) -> Option<(Leg, u8)> {
    let late = flow.is(Marks::LATE);
    if event.tuple.protocol != flow.protocol.number() || event.has(PacketFlags::ICMP_ERROR) || late
    {
        return None;
    }
    let tcp = flow.protocol == Protocol::Tcp;
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
    let keyed = event.ip_id != 0 || event.has(PacketFlags::TIMESTAMPS);
    let same_packet = flow.has_transmission(event, phase, leg);
    // The answer to a SYN echoes the SYN's timestamp.
    let echoes = leg == Leg::Reply
        && event.has(PacketFlags::TIMESTAMPS)
        && event.tsecr != 0
        && flow
            .packets
            .iter()
            .any(|p| p.phase == Phase::Syn && p.tsval == event.tsecr);
    let contradicted = leg == Leg::Reply
        && event.has(PacketFlags::TIMESTAMPS)
        && event.tsecr != 0
        && flow
            .packets
            .iter()
            .any(|p| p.phase == Phase::Syn && p.tsval != 0)
        && !echoes;
    let near = Mono::of(event).distance(flow.last) <= NEAR;
    let certain = (same_packet && keyed) || echoes;
    let likely = same_port && near && !keyed && (same_packet || leg == Leg::Reply);
    let answer = same_port && near && leg == Leg::Reply && !contradicted;
    if contradicted || !(certain || likely || answer) {
        return None;
    }
    Some((leg, u8::from(same_port) + 2 * u8::from(certain)))
}
