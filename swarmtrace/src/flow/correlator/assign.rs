//! Packets are assigned to their flow, or begin one.

use super::Correlator;
use crate::flow::conntrack::{Side, side_of};
use crate::flow::leg::Leg;
use crate::flow::marks::Marks;
use crate::flow::matching;
use crate::flow::open_flow::{OpenFlow, Recorded};
use crate::flow::packet::{TCP, UDP, is_rst_ack, is_syn, is_syn_ack};
use crate::flow::phase::Phase;
use crate::flow::tuples::TupleRef;
use crate::sys::clock::Mono;
use crate::sys::protocol::Protocol;
use swarmtrace_common::{PacketEvent, PacketFlags, TcpFlags, Tuple};

impl Correlator {
    /// Gives a packet to its flow; without one, begins one if the packet can.
    pub(super) fn assign(&mut self, event: &PacketEvent) {
        let protocol = event.tuple.protocol;
        if (protocol != TCP && protocol != UDP)
            || event.has(PacketFlags::FRAGMENT)
            || event.has(PacketFlags::ESP)
        {
            self.counted.unplaced += 1;
            return;
        }
        let by_addresses = self.by_addresses(event);
        let same_exchange = |found: &(u32, Leg)| !self.is_next_exchange(found.0, event, found.1);
        let found = by_addresses
            .filter(same_exchange)
            .or_else(|| self.by_conntrack(event).filter(same_exchange))
            .or_else(|| self.by_numbers(event).filter(same_exchange));
        if let Some((slot, leg)) = found {
            self.record(slot, event, leg);
            return;
        }
        if let Some((stale, _)) = by_addresses {
            self.supersede(stale);
        }
        self.begin(event);
    }

    fn supersede(&mut self, slot: u32) {
        if let Some(flow) = self.store.get_mut(slot) {
            flow.set(Marks::SUPERSEDED);
            let deadline = flow.last + self.waits.linger;
            self.store.set_deadline(slot, deadline);
        }
    }

    fn begin(&mut self, event: &PacketEvent) {
        let udp = event.tuple.protocol == UDP;
        let answer = is_syn_ack(event) || (is_rst_ack(event) && event.seq == 0);
        let opens = udp || is_syn(event) || answer;
        let late = !opens && self.waits.unknown_resets && event.tcp_flags.contains(TcpFlags::RST);
        if event.has(PacketFlags::ICMP_ERROR) || !(opens || late) {
            self.counted.unplaced += 1;
            return;
        }
        let backwards = if udp {
            let entry = event.conntrack();
            entry.is_some_and(|(original, reply)| {
                side_of(&event.tuple, original, reply) == Some(Side::Reply)
            })
        } else {
            answer || late && matching::leg_alone(event) == Leg::Reply
        };
        let isn = match (udp, answer) {
            (true, _) => 0,
            (false, true) => event.ack.wrapping_sub(1),
            (false, false) => event.seq,
        };
        let mut flow = OpenFlow::new(self.counted.begun, event, isn, self.lost_before(event));
        if late {
            flow.set(Marks::LATE);
        }
        self.counted.begun += 1;
        let slot = self.store.add(flow);
        let deadline = Mono::of(event) + self.waits.unanswered;
        self.store.set_deadline(slot, deadline);
        let leg = if backwards { Leg::Reply } else { Leg::Forward };
        self.record(slot, event, leg);
    }

    /// How many events were lost before this one came in.
    fn lost_before(&mut self, event: &PacketEvent) -> u64 {
        while let Some((time, _)) = self.losses.front()
            && *time < Mono::of(event)
        {
            self.losses.pop_front();
        }
        self.losses.front().map_or(self.lost, |(_, before)| *before)
    }

    /// The tuple among the flow's, added to them if it is new. `leg` is the one that
    /// a packet with these addresses is on.
    fn add_tuple(&mut self, slot: u32, tuple: &Tuple, leg: Leg) -> TupleRef {
        let Some(flow) = self.store.get_mut(slot) else {
            return TupleRef::NONE;
        };
        if let Some(known) = flow.tuples.find(tuple) {
            return known;
        }
        let forward = match leg {
            Leg::Forward => *tuple,
            Leg::Reply => tuple.reversed(),
        };
        if flow.tuples.add(&forward).is_none() {
            return TupleRef::NONE;
        }
        let added = flow.tuples.find(tuple).unwrap_or(TupleRef::NONE);
        self.store.index_tuple(slot, &forward);
        added
    }

    fn record(&mut self, slot: u32, event: &PacketEvent, leg: Leg) {
        let tuple = self.add_tuple(slot, &event.tuple, leg);
        let conntrack = match event.conntrack() {
            Some((original, reply)) if !event.has(PacketFlags::ICMP_ERROR) => {
                let side = side_of(&event.tuple, original, reply).unwrap_or(Side::Reply);
                let there = side.leg_of_original(leg);
                (
                    self.add_tuple(slot, original, there),
                    self.add_tuple(slot, reply, there.opposite()),
                )
            }
            _ => (TupleRef::NONE, TupleRef::NONE),
        };
        if tuple == TupleRef::NONE {
            self.counted.omitted += 1;
            return;
        }
        let Some(flow) = self.store.get_mut(slot) else {
            return;
        };
        let phase = matching::phase(flow, event, leg);
        flow.last = flow.last.max(Mono::of(event));
        let Some(phase) = phase.filter(|phase| !is_after_exchange(flow, event, *phase, leg)) else {
            return;
        };
        let packets = flow.packets.len();
        let recorded = flow.record(event, phase, tuple, conntrack, &mut self.shared);
        let new_request = flow.protocol == Protocol::Udp
            && phase == Phase::Request
            && flow.packets.len() > packets;
        if new_request {
            self.store.index_request(slot);
        }
        match recorded {
            Recorded::New => {}
            Recorded::Duplicate => self.counted.duplicates += 1,
            Recorded::Omitted => self.counted.omitted += 1,
        }
        if recorded != Recorded::Duplicate {
            self.update(slot, event, leg, phase);
        }
    }
}

/// UDP: whether a datagram comes after the first exchange, whose datagrams alone are
/// kept.
fn is_after_exchange(flow: &OpenFlow, event: &PacketEvent, phase: Phase, leg: Leg) -> bool {
    flow.protocol == Protocol::Udp
        && !event.has(PacketFlags::ICMP_ERROR)
        && flow.is(Marks::ANSWERED)
        && flow.packets.iter().any(|p| p.phase == phase)
        && !flow.has_transmission(event, phase, leg)
}
