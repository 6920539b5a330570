//! A flow while it lives: the same facts as [`Flow`], in few bytes.
//!
//! A sighting is seven bytes: when (since its packet was first seen), at which
//! spot, which packet. A spot is a tap together with how the packet looked
//! there; spots are shared by all flows.

use super::correlator::Fates;
use super::intern::{Interner, Spot, Tap, Tunnel};
use super::leg::Leg;
use super::model::{Flow, FlowPacket, Sighting};
use super::phase::Phase;
use super::tuples::{Facing, Tuples};
use crate::sys::protocol::Protocol;
use swarmtrace_common::{PacketEvent, Tuple, flags, tcp};

/// Most packets that are kept of one flow.
const MAX_PACKETS: usize = 96;
/// Most transmissions that are kept of one packet.
pub(super) const MAX_ATTEMPTS: u8 = 16;
/// Most sightings that are kept of one flow.
const MAX_SIGHTINGS: usize = 2048;
/// How long one transmission may be under way when its IP identification or
/// timestamp tells it from the next (an unresolved neighbour holds it 3 s).
const KEYED_LIFE: u64 = 4_000_000_000;
/// The same where nothing does: less than the shortest retransmission timer.
const KEYLESS_LIFE: u64 = 150_000_000;

pub(super) const PROTOCOL_TCP: u8 = 6;
pub(super) const PROTOCOL_UDP: u8 = 17;

/// What happened to a flow so far; bits of [`Live::marks`].
pub(super) mod marks {
    pub const START_SEEN: u16 = 1 << 0;
    pub const ANSWERED: u16 = 1 << 1;
    pub const REQUEST: u16 = 1 << 2;
    pub const RESPONSE: u16 = 1 << 3;
    pub const CLIENT_FIN: u16 = 1 << 4;
    pub const SERVER_FIN: u16 = 1 << 5;
    pub const RESET: u16 = 1 << 6;
    pub const ICMP: u16 = 1 << 7;
    pub const TOLD: u16 = 1 << 8;
    pub const CHANGED: u16 = 1 << 9;
    pub const SUPERSEDED: u16 = 1 << 10;
    /// It was met only when it was reset; its sequence numbers are not known.
    pub const LATE: u16 = 1 << 11;
    /// There was nothing to tell when it was looked at.
    pub const SILENT: u16 = 1 << 12;
}

#[derive(Debug)]
pub(super) struct Packet {
    pub base: u64,
    pub seq: u32,
    pub ack: u32,
    pub tsval: u32,
    pub payload_length: u32,
    pub ip_id: u16,
    pub phase: Phase,
    pub leg: Leg,
    pub attempt: u8,
}

#[derive(Clone, Copy, Debug)]
#[repr(C, packed)]
struct Seen {
    delta: u32,
    spot: u16,
    packet: u8,
}

/// What flows share.
pub(super) struct Shared {
    pub spots: Interner<Spot>,
    pub tunnels: Interner<Tunnel>,
}

#[derive(Debug)]
pub(super) struct Live {
    pub number: u64,
    pub start: u64,
    pub last: u64,
    pub isn: u32,
    pub server_isn: u32,
    pub lost_before: u64,
    pub omitted: u32,
    pub marks: u16,
    pub revision: u8,
    pub protocol: u8,
    pub tuples: Tuples,
    pub packets: Vec<Packet>,
    seen: Vec<Seen>,
    icmps: Vec<Tuple>,
    pub fates: Option<Box<Fates>>,
}

/// What became of a sighting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    New,
    Duplicate,
    Omitted,
}

impl Live {
    pub fn new(number: u64, event: &PacketEvent, isn: u32, lost_before: u64) -> Self {
        Self {
            number,
            start: event.time,
            last: event.time,
            isn,
            server_isn: 0,
            lost_before,
            omitted: 0,
            marks: 0,
            revision: 0,
            protocol: event.tuple.protocol,
            tuples: Tuples::new(event.tuple.protocol),
            packets: Vec::new(),
            seen: Vec::new(),
            icmps: Vec::new(),
            fates: None,
        }
    }

    pub fn is(&self, mark: u16) -> bool {
        self.marks & mark != 0
    }

    pub fn set(&mut self, mark: u16) {
        self.marks |= mark;
    }

    /// Whether no packet of interest can follow.
    pub fn is_over(&self) -> bool {
        let closed = self.is(marks::CLIENT_FIN) && self.is(marks::SERVER_FIN);
        closed || self.is(marks::RESET) || self.is(marks::SUPERSEDED)
    }

    /// Whether it was answered where it came from, and nothing was sent twice.
    pub fn went_well(&self, shared: &Shared) -> bool {
        let bad = marks::RESET | marks::ICMP | marks::LATE;
        if !self.is(marks::ANSWERED) || self.is(bad) || self.packets.iter().any(|p| p.attempt > 1) {
            return false;
        }
        if self.protocol != PROTOCOL_TCP {
            return true;
        }
        let of = |phase: Phase| {
            self.seen.iter().filter_map(move |seen| {
                let packet = self.packets.get(usize::from(seen.packet))?;
                let tap = shared.spots.get(seen.spot)?.tap;
                let time = packet.base + u64::from(seen.delta);
                (packet.phase == phase).then_some((time, (tap.netns, tap.ifindex)))
            })
        };
        let home = of(Phase::Syn).min().map(|(_, device)| device);
        of(Phase::SynAck).any(|(_, device)| home == Some(device))
    }

    /// Whether that pair of addresses was met in that namespace, on a packet or
    /// in its conntrack entry.
    pub fn met(&self, facing: Facing, netns: u32, shared: &Shared) -> bool {
        let index = facing.index();
        self.seen.iter().any(|seen| {
            shared.spots.get(seen.spot).is_some_and(|spot| {
                spot.tap.netns == netns
                    && (spot.tuple.index() == index
                        || spot.original.index() == index
                        || spot.reply.index() == index)
            })
        })
    }

    /// Transmissions of the packet that the event may be about.
    pub fn transmissions(
        &self,
        event: &PacketEvent,
        phase: Phase,
        leg: Leg,
    ) -> impl Iterator<Item = (usize, &Packet)> {
        let (seq, ack) = numbers(event, phase);
        self.packets.iter().enumerate().rev().filter(move |(_, p)| {
            p.phase == phase
                && p.leg == leg
                && p.seq == seq
                && (phase != Phase::Rst || p.ack == ack)
        })
    }

    /// Records that the event's packet was seen, as the one of that phase.
    pub fn record(
        &mut self,
        event: &PacketEvent,
        phase: Phase,
        facing: Facing,
        conntrack: (Facing, Facing),
        shared: &mut Shared,
    ) -> Recorded {
        let leg = match (phase, facing.leg()) {
            (Phase::IcmpError, Leg::Forward) => Leg::Reply,
            (Phase::IcmpError, Leg::Reply) => Leg::Forward,
            (_, leg) => leg,
        };
        let tap = Tap {
            netns: event.netns,
            ifindex: event.ifindex,
            way: event.direction().into(),
        };
        let mut chosen = None;
        let mut attempts = 0;
        for (index, packet) in self.transmissions(event, phase, leg) {
            attempts = attempts.max(packet.attempt);
            match self.when(index, tap, shared) {
                Some(time) if time == event.time => return Recorded::Duplicate,
                Some(_) => {}
                None if packet.may_be(event) => chosen = chosen.or(Some(index)),
                None => {}
            }
        }
        let index = match chosen {
            Some(index) => index,
            None if attempts >= MAX_ATTEMPTS || self.packets.len() >= MAX_PACKETS => {
                return self.omit();
            }
            None => self.begin(event, phase, leg, attempts + 1),
        };
        let Some(spot) = self.spot(event, tap, facing, conntrack, shared) else {
            return self.omit();
        };
        self.see(index, event.time, spot)
    }

    fn omit(&mut self) -> Recorded {
        self.omitted = self.omitted.saturating_add(1);
        Recorded::Omitted
    }

    fn when(&self, packet: usize, tap: Tap, shared: &Shared) -> Option<u64> {
        let base = self.packets.get(packet)?.base;
        let seen = self.seen.iter().rev().find(|s| {
            usize::from(s.packet) == packet
                && shared.spots.get(s.spot).is_some_and(|s| s.tap == tap)
        })?;
        Some(base + u64::from(seen.delta))
    }

    fn begin(&mut self, event: &PacketEvent, phase: Phase, leg: Leg, attempt: u8) -> usize {
        let (seq, ack) = numbers(event, phase);
        self.packets.reserve_exact(match self.packets.len() {
            0 => 4,
            len if len == self.packets.capacity() => 2,
            _ => 0,
        });
        self.packets.push(Packet {
            base: event.time,
            seq,
            ack,
            tsval: timestamp(event),
            payload_length: event.payload_length,
            ip_id: event.ip_id,
            phase,
            leg,
            attempt,
        });
        self.packets.len() - 1
    }

    fn spot(
        &mut self,
        event: &PacketEvent,
        tap: Tap,
        tuple: Facing,
        (original, reply): (Facing, Facing),
        shared: &mut Shared,
    ) -> Option<u16> {
        let mut spot = Spot {
            tap,
            tuple,
            original,
            reply,
            icmp: u8::MAX,
            tunnel: u16::MAX,
            mark: event.mark,
            other_host: event.has(flags::OTHER_HOST),
        };
        if event.has(flags::ICMP_ERROR) && event.outer.protocol != PROTOCOL_UDP {
            let known = self.icmps.iter().position(|t| *t == event.outer);
            let index = known.unwrap_or_else(|| {
                self.icmps.push(event.outer);
                self.icmps.len() - 1
            });
            spot.icmp = u8::try_from(index).ok()?;
        } else if event.has(flags::VXLAN) {
            let mut outer = event.outer;
            outer.src_port = 0;
            let tunnel = Tunnel {
                vni: event.vni,
                outer,
            };
            spot.tunnel = shared.tunnels.number(tunnel).unwrap_or(u16::MAX);
        }
        shared.spots.number(spot)
    }

    fn see(&mut self, index: usize, time: u64, spot: u16) -> Recorded {
        let Ok(number) = u8::try_from(index) else {
            return self.omit();
        };
        let Some(packet) = self.packets.get_mut(index) else {
            return self.omit();
        };
        if time < packet.base {
            let Ok(shift) = u32::try_from(packet.base - time) else {
                return self.omit();
            };
            packet.base = time;
            for seen in self.seen.iter_mut().filter(|s| s.packet == number) {
                seen.delta = { seen.delta }.saturating_add(shift);
            }
        }
        let Ok(delta) = u32::try_from(time - packet.base) else {
            return self.omit();
        };
        if self.seen.len() >= MAX_SIGHTINGS {
            return self.omit();
        }
        if self.seen.len() == self.seen.capacity() {
            self.seen.reserve_exact(8);
        }
        self.seen.push(Seen {
            delta,
            spot,
            packet: number,
        });
        Recorded::New
    }

    /// Renumbers the spots.
    pub fn renumber(&mut self, numbers: &[Option<u16>]) {
        self.seen.retain_mut(|seen| {
            let new = numbers.get(usize::from(seen.spot)).copied().flatten();
            seen.spot = new.unwrap_or(u16::MAX);
            new.is_some()
        });
    }

    /// The spots where it was seen.
    pub fn spots(&self) -> impl Iterator<Item = u16> + '_ {
        self.seen.iter().map(|seen| seen.spot)
    }

    /// How many sightings are kept.
    pub fn sightings(&self) -> usize {
        self.seen.len()
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        self.tuples.bytes()
            + self.packets.capacity() * size_of::<Packet>()
            + self.seen.capacity() * size_of::<Seen>()
            + self.icmps.capacity() * size_of::<Tuple>()
            + self.fates.as_ref().map_or(0, |fates| fates.bytes())
    }

    /// The flow, written out.
    pub fn flow(&self, shared: &Shared, lost: u64) -> Flow {
        let tcp = self.protocol == PROTOCOL_TCP;
        let mut packets: Vec<FlowPacket> = self
            .packets
            .iter()
            .map(|p| FlowPacket {
                phase: p.phase,
                leg: p.leg,
                attempt: u32::from(p.attempt),
                seq: p.seq,
                ack: p.ack,
                tsval: p.tsval,
                payload_length: p.payload_length,
                ip_id: p.ip_id,
                sightings: Vec::new(),
            })
            .collect();
        for seen in &self.seen {
            let index = usize::from(seen.packet);
            let made = self.sighting(seen, shared);
            if let (Some(packet), Some(sighting)) = (packets.get_mut(index), made) {
                packet.sightings.push(sighting);
            }
        }
        packets.retain(|p| !p.sightings.is_empty());
        for packet in &mut packets {
            packet.sightings.sort_by_key(|s| s.time);
        }
        packets.sort_by_key(|p| p.sightings.first().map_or(u64::MAX, |s| s.time));
        Flow {
            number: self.number,
            revision: u32::from(self.revision),
            protocol: if tcp { Protocol::Tcp } else { Protocol::Udp },
            isn: (tcp && !self.is(marks::LATE)).then_some(self.isn),
            server_isn: (tcp && self.is(marks::ANSWERED)).then_some(self.server_isn),
            start_seen: self.is(marks::START_SEEN),
            client_closed: self.is(marks::CLIENT_FIN),
            server_closed: self.is(marks::SERVER_FIN),
            omitted: u64::from(self.omitted),
            events_lost: lost.saturating_sub(self.lost_before),
            packets,
            drops: self
                .fates
                .as_ref()
                .map_or_else(Vec::new, |f| f.drops.clone()),
            resets: self
                .fates
                .as_ref()
                .map_or_else(Vec::new, |f| f.resets.clone()),
        }
    }

    fn sighting(&self, seen: &Seen, shared: &Shared) -> Option<Sighting> {
        let spot = shared.spots.get(seen.spot)?;
        let packet = self.packets.get(usize::from(seen.packet))?;
        let original = self.tuples.get(spot.original);
        let reply = self.tuples.get(spot.reply);
        Some(Sighting {
            time: packet.base + u64::from(seen.delta),
            netns: spot.tap.netns,
            ifindex: spot.tap.ifindex,
            way: spot.tap.way,
            tuple: self.tuples.get(spot.tuple)?,
            mark: spot.mark,
            other_host: spot.other_host,
            vxlan: shared.tunnels.get(spot.tunnel).map(|t| (t.vni, t.outer)),
            icmp: self.icmps.get(usize::from(spot.icmp)).copied(),
            conntrack: original.zip(reply),
        })
    }
}

impl Packet {
    /// Whether the event may be this very transmission.
    pub fn may_be(&self, event: &PacketEvent) -> bool {
        let keyed = self.ip_id != 0 || self.tsval != 0;
        let life = if keyed { KEYED_LIFE } else { KEYLESS_LIFE };
        self.ip_id == event.ip_id
            && self.tsval == timestamp(event)
            && event.time.abs_diff(self.base) <= life
    }
}

/// The numbers that a packet is told by: sequence and acknowledgment; for UDP
/// payload tag and length; for an ICMP error type and code.
fn numbers(event: &PacketEvent, phase: Phase) -> (u32, u32) {
    if phase == Phase::IcmpError {
        let kind = u32::from(event.outer.src_port) << 16;
        (kind | u32::from(event.outer.dst_port), 0)
    } else if event.tuple.protocol == PROTOCOL_UDP {
        (event.payload_tag ^ event.payload_length, 0)
    } else {
        (event.seq, event.ack)
    }
}

fn timestamp(event: &PacketEvent) -> u32 {
    if event.has(flags::TIMESTAMPS) {
        event.tsval
    } else {
        0
    }
}

/// Whether all of `set` and none of `clear` are among a packet's TCP flags.
pub(super) fn tcp_is(event: &PacketEvent, set: u8, clear: u8) -> bool {
    event.tcp_flags & (set | clear) == set
}

/// SYN without ACK.
pub(super) fn is_syn(event: &PacketEvent) -> bool {
    tcp_is(event, tcp::SYN, tcp::ACK | tcp::RST)
}

/// SYN with ACK.
pub(super) fn is_syn_ack(event: &PacketEvent) -> bool {
    tcp_is(event, tcp::SYN | tcp::ACK, tcp::RST)
}
