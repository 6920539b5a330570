//! Which of the known flows a packet belongs to: by the addresses that a flow
//! wears, by conntrack's two tuples, by its numbers alone.

use super::super::leg::Leg;
use super::super::matching;
use super::super::open_flow::{PROTOCOL_TCP, PROTOCOL_UDP, marks};
use super::super::tuples::Facing;
use super::Correlator;
use swarmtrace_common::{PacketEvent, Tuple, flags};

impl Correlator {
    pub(super) fn by_addresses(&self, event: &PacketEvent) -> Option<(u32, Leg)> {
        self.candidates(&event.tuple, event, |facing| facing.leg())
    }

    /// The latest flow that wears those addresses and takes the event.
    fn candidates(
        &self,
        tuple: &Tuple,
        event: &PacketEvent,
        leg_of: impl Fn(Facing) -> Leg,
    ) -> Option<(u32, Leg)> {
        let mut best: Option<(u64, u32, Leg)> = None;
        for (slot, flow) in self.store.with_tuple(tuple) {
            let Some(facing) = flow.tuples.find(tuple) else {
                continue;
            };
            let leg = leg_of(facing);
            let met = || flow.met(facing, event.netns, &self.shared);
            let fits = if flow.protocol == PROTOCOL_TCP {
                matching::tcp_fits(flow, event, leg, met)
            } else {
                matching::udp_fits(flow, event, leg, met)
            };
            if fits && best.is_none_or(|(number, ..)| number < flow.number) {
                best = Some((flow.number, slot, leg));
            }
        }
        best.map(|(_, slot, leg)| (slot, leg))
    }

    pub(super) fn by_conntrack(&self, event: &PacketEvent) -> Option<(u32, Leg)> {
        let (original, reply) = event.conntrack()?;
        let with_original = if event.tuple == *original || event.tuple == reply.reversed() {
            true
        } else if event.tuple == *reply || event.tuple == original.reversed() {
            false
        } else {
            return None;
        };
        let turn = |leg: Leg, same: bool| match (leg, same) {
            (leg, true) => leg,
            (Leg::Forward, false) => Leg::Reply,
            (Leg::Reply, false) => Leg::Forward,
        };
        self.candidates(original, event, |facing| turn(facing.leg(), with_original))
            .or_else(|| self.candidates(reply, event, |facing| turn(facing.leg(), !with_original)))
    }

    pub(super) fn by_numbers(&self, event: &PacketEvent) -> Option<(u32, Leg)> {
        let mut best: Option<(u8, u32, Leg)> = None;
        let mut tied = false;
        for (slot, flow) in self.store.with_numbers(event) {
            let Some((leg, score)) = matching::numbers_alone(flow, event) else {
                continue;
            };
            match best {
                Some((known, ..)) if known > score => {}
                Some((known, ..)) if known == score => tied = true,
                _ => {
                    tied = false;
                    best = Some((score, slot, leg));
                }
            }
        }
        best.filter(|_| !tied).map(|(_, slot, leg)| (slot, leg))
    }

    /// UDP: a datagram of the client's after the exchange has fallen silent.
    pub(super) fn is_next_exchange(&self, slot: u32, event: &PacketEvent, leg: Leg) -> bool {
        let Some(flow) = self.store.get(slot) else {
            return false;
        };
        flow.protocol == PROTOCOL_UDP
            && leg == Leg::Forward
            && !event.has(flags::ICMP_ERROR)
            && (flow.is(marks::ANSWERED) || flow.is(marks::TOLD))
            && event.time.saturating_sub(flow.last) > self.waits.quiet
    }
}
