//! One transmission of one packet, and what identifies it in an event.

use super::leg::Leg;
use super::phase::Phase;
use crate::sys::clock::{Mono, Nanos};
use crate::sys::protocol::Protocol;
use swarmtrace_common::{PacketEvent, PacketFlags, TcpFlags};

/// How long one transmission may be under way when its IP identification or
/// timestamp distinguishes it from the next (an unresolved neighbour holds it 3 s).
const KEYED_LIFE: Nanos = Nanos::from_secs(4);
/// The same without either: less than the shortest retransmission timer.
const KEYLESS_LIFE: Nanos = Nanos::from_millis(150);

pub(super) const TCP: u8 = Protocol::Tcp.number();
pub(super) const UDP: u8 = Protocol::Udp.number();

/// One transmission of one packet of a flow.
#[derive(Debug)]
pub(super) struct Packet {
    /// When it was first seen.
    pub base: Mono,
    pub seq: u32,
    pub ack: u32,
    pub tsval: u32,
    pub payload_length: u32,
    pub ip_id: u16,
    pub phase: Phase,
    pub leg: Leg,
    pub attempt: u8,
}

impl Packet {
    pub fn new(event: &PacketEvent, phase: Phase, leg: Leg, attempt: u8) -> Self {
        let (seq, ack) = numbers(event, phase);
        Self {
            base: Mono::of(event),
            seq,
            ack,
            tsval: timestamp(event),
            payload_length: event.payload_length,
            ip_id: event.ip_id,
            phase,
            leg,
            attempt,
        }
    }

    /// Whether the event may be this very transmission.
    pub fn may_be(&self, event: &PacketEvent) -> bool {
        let keyed = self.ip_id != 0 || self.tsval != 0;
        let life = if keyed { KEYED_LIFE } else { KEYLESS_LIFE };
        self.ip_id == event.ip_id
            && self.tsval == timestamp(event)
            && Mono::of(event).distance(self.base) <= life
    }

    /// Whether the event's numbers are this packet's, of whichever transmission.
    pub fn has_numbers(&self, (seq, ack): (u32, u32)) -> bool {
        self.seq == seq && (self.phase != Phase::Rst || self.ack == ack)
    }
}

/// The numbers that identify a packet: sequence and acknowledgment; for UDP payload
/// tag and length; for an ICMP error type and code.
pub(super) fn numbers(event: &PacketEvent, phase: Phase) -> (u32, u32) {
    if phase == Phase::IcmpError {
        let kind = u32::from(event.outer.src_port) << 16;
        (kind | u32::from(event.outer.dst_port), 0)
    } else if event.tuple.protocol == UDP {
        (event.payload_tag ^ event.payload_length, 0)
    } else {
        (event.seq, event.ack)
    }
}

fn timestamp(event: &PacketEvent) -> u32 {
    if event.has(PacketFlags::TIMESTAMPS) {
        event.tsval
    } else {
        0
    }
}

/// Whether all of `set` and none of `clear` are among a packet's TCP flags.
fn tcp_is(event: &PacketEvent, set: TcpFlags, clear: TcpFlags) -> bool {
    event.tcp_flags & (set | clear) == set
}

/// SYN without ACK.
pub(super) fn is_syn(event: &PacketEvent) -> bool {
    tcp_is(event, TcpFlags::SYN, TcpFlags::ACK | TcpFlags::RST)
}

/// SYN with ACK.
pub(super) fn is_syn_ack(event: &PacketEvent) -> bool {
    tcp_is(event, TcpFlags::SYN | TcpFlags::ACK, TcpFlags::RST)
}

/// RST with ACK: the only reset that a SYN can be answered with.
pub(super) fn is_rst_ack(event: &PacketEvent) -> bool {
    tcp_is(event, TcpFlags::RST | TcpFlags::ACK, TcpFlags::empty())
}
