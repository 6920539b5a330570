//! A flow while it is open: the same facts as [`Flow`](super::Flow), in few bytes.
//!
//! A sighting is seven bytes: when (since its packet was first seen), at which
//! spot, which packet. A spot is a tap together with how the packet looked
//! there; spots are shared by all flows.

use super::fates::Fates;
use super::intern::{Interner, Spot, Tap, Tunnel};
use super::leg::Leg;
use super::marks::Marks;
use super::packet::{Packet, UDP, numbers};
use super::phase::Phase;
use super::tuples::{TupleRef, Tuples};
use crate::sys::clock::{Mono, Nanos};
use crate::sys::device::DeviceRef;
use crate::sys::protocol::Protocol;
use swarmtrace_common::{PacketEvent, PacketFlags, Tuple};

/// Most packets that are kept of one flow.
const MAX_PACKETS: usize = 96;
/// Most transmissions that are kept of one packet.
pub(super) const MAX_ATTEMPTS: u8 = 16;
/// Most sightings that are kept of one flow.
const MAX_SIGHTINGS: usize = 2048;

/// A sighting in few bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed)]
pub(super) struct Seen {
    /// Nanoseconds since the packet was first seen.
    pub delta: u32,
    pub spot: u16,
    pub packet: u8,
}

/// What flows share.
pub(super) struct Shared {
    pub spots: Interner<Spot>,
    pub tunnels: Interner<Tunnel>,
}

/// A flow whose packets are still coming in.
#[derive(Debug)]
pub(super) struct OpenFlow {
    pub number: u64,
    pub start: Mono,
    pub last: Mono,
    pub isn: u32,
    pub server_isn: u32,
    /// Events of all flows that were lost before this one began.
    pub lost_before: u64,
    pub omitted: u32,
    pub marks: Marks,
    pub revision: u8,
    pub protocol: Protocol,
    pub tuples: Tuples,
    pub packets: Vec<Packet>,
    pub(super) seen: Vec<Seen>,
    pub(super) icmps: Vec<Tuple>,
    pub fates: Option<Box<Fates>>,
}

/// What became of a sighting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    New,
    Duplicate,
    Omitted,
}

impl OpenFlow {
    pub fn new(number: u64, event: &PacketEvent, isn: u32, lost_before: u64) -> Self {
        // Flows are made of nothing else.
        let protocol = match event.tuple.protocol {
            UDP => Protocol::Udp,
            _ => Protocol::Tcp,
        };
        Self {
            number,
            start: Mono::of(event),
            last: Mono::of(event),
            isn,
            server_isn: 0,
            lost_before,
            omitted: 0,
            marks: Marks::empty(),
            revision: 0,
            protocol,
            tuples: Tuples::new(protocol),
            packets: Vec::new(),
            seen: Vec::new(),
            icmps: Vec::new(),
            fates: None,
        }
    }

    /// Whether any of those marks is set.
    pub fn is(&self, marks: Marks) -> bool {
        self.marks.intersects(marks)
    }

    pub fn set(&mut self, marks: Marks) {
        self.marks |= marks;
    }

    pub fn is_closed(&self) -> bool {
        self.marks.contains(Marks::CLOSED)
    }

    /// Whether no packet of interest can follow.
    pub fn is_over(&self) -> bool {
        self.is_closed() || self.is(Marks::RESET | Marks::SUPERSEDED)
    }

    /// Whether it was answered where it came from, and nothing was sent twice.
    pub fn went_well(&self, shared: &Shared) -> bool {
        let bad = Marks::RESET | Marks::ICMP | Marks::LATE;
        if !self.is(Marks::ANSWERED) || self.is(bad) || self.packets.iter().any(|p| p.attempt > 1) {
            return false;
        }
        if self.protocol != Protocol::Tcp {
            return true;
        }
        let of = |phase: Phase| {
            self.seen.iter().filter_map(move |seen| {
                let packet = self.packets.get(usize::from(seen.packet))?;
                let tap = shared.spots.get(seen.spot)?.tap;
                let time = packet.base + Nanos::new(i64::from(seen.delta));
                (packet.phase == phase).then_some((time, tap.at))
            })
        };
        let home = of(Phase::Syn).min().map(|(_, device)| device);
        of(Phase::SynAck).any(|(_, device)| home == Some(device))
    }

    /// Whether that pair of addresses was seen in that namespace, on a packet or in
    /// its conntrack entry.
    pub fn was_seen_in(&self, pair: TupleRef, netns: u32, shared: &Shared) -> bool {
        let index = pair.index();
        self.seen.iter().any(|seen| {
            shared.spots.get(seen.spot).is_some_and(|spot| {
                spot.tap.at.namespace == netns
                    && (spot.tuple.index() == index
                        || spot.original.index() == index
                        || spot.reply.index() == index)
            })
        })
    }

    /// Transmissions of the packet that the event may be about, the newest first.
    pub fn transmissions(
        &self,
        event: &PacketEvent,
        phase: Phase,
        leg: Leg,
    ) -> impl Iterator<Item = (usize, &Packet)> {
        let numbers = numbers(event, phase);
        self.packets
            .iter()
            .enumerate()
            .rev()
            .filter(move |(_, p)| p.phase == phase && p.leg == leg && p.has_numbers(numbers))
    }

    /// Whether the event may be a transmission that was seen before.
    pub fn has_transmission(&self, event: &PacketEvent, phase: Phase, leg: Leg) -> bool {
        self.transmissions(event, phase, leg)
            .any(|(_, packet)| packet.may_be(event))
    }

    /// Adds a sighting of the event's packet, which is of that phase.
    pub fn record(
        &mut self,
        event: &PacketEvent,
        phase: Phase,
        tuple: TupleRef,
        conntrack: (TupleRef, TupleRef),
        shared: &mut Shared,
    ) -> Recorded {
        // An ICMP error goes the other way than the packet that it quotes.
        let leg = match phase {
            Phase::IcmpError => tuple.leg().opposite(),
            _ => tuple.leg(),
        };
        let tap = Tap {
            at: DeviceRef::of(event),
            way: event.direction(),
        };
        let time = Mono::of(event);
        let mut chosen = None;
        let mut attempts = 0;
        for (index, packet) in self.transmissions(event, phase, leg) {
            attempts = attempts.max(packet.attempt);
            match self.time_at(index, tap, shared) {
                Some(known) if known == time => return Recorded::Duplicate,
                None if packet.may_be(event) => chosen = chosen.or(Some(index)),
                _ => {}
            }
        }
        let index = match chosen {
            Some(index) => index,
            None if attempts >= MAX_ATTEMPTS || self.packets.len() >= MAX_PACKETS => {
                return self.omit();
            }
            None => self.add_packet(Packet::new(event, phase, leg, attempts + 1)),
        };
        let Some(spot) = self.spot(event, tap, tuple, conntrack, shared) else {
            return self.omit();
        };
        self.add_sighting(index, time, spot)
    }

    fn omit(&mut self) -> Recorded {
        self.omitted = self.omitted.saturating_add(1);
        Recorded::Omitted
    }

    /// When a packet was seen at a tap.
    fn time_at(&self, packet: usize, tap: Tap, shared: &Shared) -> Option<Mono> {
        let base = self.packets.get(packet)?.base;
        let seen = self.seen.iter().rev().find(|s| {
            usize::from(s.packet) == packet
                && shared.spots.get(s.spot).is_some_and(|s| s.tap == tap)
        })?;
        Some(base + Nanos::new(i64::from(seen.delta)))
    }

    fn add_packet(&mut self, packet: Packet) -> usize {
        self.packets.reserve_exact(match self.packets.len() {
            0 => 4,
            len if len == self.packets.capacity() => 2,
            _ => 0,
        });
        self.packets.push(packet);
        self.packets.len() - 1
    }

    fn spot(
        &mut self,
        event: &PacketEvent,
        tap: Tap,
        tuple: TupleRef,
        (original, reply): (TupleRef, TupleRef),
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
            other_host: event.has(PacketFlags::OTHER_HOST),
        };
        if event.has(PacketFlags::ICMP_ERROR) && event.outer.protocol != UDP {
            let known = self.icmps.iter().position(|t| *t == event.outer);
            let index = known.unwrap_or_else(|| {
                self.icmps.push(event.outer);
                self.icmps.len() - 1
            });
            spot.icmp = u8::try_from(index).ok()?;
        } else if event.has(PacketFlags::VXLAN) {
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

    fn add_sighting(&mut self, index: usize, time: Mono, spot: u16) -> Recorded {
        let Ok(number) = u8::try_from(index) else {
            return self.omit();
        };
        let Some(packet) = self.packets.get_mut(index) else {
            return self.omit();
        };
        if time < packet.base {
            let Ok(shift) = u32::try_from((packet.base - time).get()) else {
                return self.omit();
            };
            packet.base = time;
            for seen in self.seen.iter_mut().filter(|s| s.packet == number) {
                seen.delta = { seen.delta }.saturating_add(shift);
            }
        }
        let Ok(delta) = u32::try_from((time - packet.base).get()) else {
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

    /// Renumbers the spots; sightings at spots without a new number are removed.
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
}
