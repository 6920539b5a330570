//! Which of the known flows a packet belongs to: by the flow's addresses, by
//! conntrack's two tuples, by its numbers alone.

use super::Correlator;
use crate::flow::conntrack::side_of;
use crate::flow::leg::Leg;
use crate::flow::marks::Marks;
use crate::flow::matching;
use crate::sys::clock::Mono;
use crate::sys::protocol::Protocol;
use swarmtrace_common::{PacketEvent, PacketFlags, Tuple};

impl Correlator {
    /// The latest flow that has the packet's addresses and takes it.
    pub(super) fn by_addresses(&self, event: &PacketEvent) -> Option<(u32, Leg)> {
        self.candidates(&event.tuple, event, |leg| leg)
    }

    /// The latest flow that has those addresses and takes the event. `leg_of` gives
    /// the packet's leg, of the one that the addresses are on.
    fn candidates(
        &self,
        tuple: &Tuple,
        event: &PacketEvent,
        leg_of: impl Fn(Leg) -> Leg,
    ) -> Option<(u32, Leg)> {
        let mut best: Option<(u64, u32, Leg)> = None;
        for (slot, flow) in self.store.with_tuple(tuple) {
            let Some(pair) = flow.tuples.find(tuple) else {
                continue;
            };
            let leg = leg_of(pair.leg());
            let seen_here = || flow.was_seen_in(pair, event.netns, &self.shared);
            let fits = if flow.protocol == Protocol::Tcp {
                matching::tcp_fits(flow, event, leg, seen_here)
            } else {
                matching::udp_fits(flow, event, leg, seen_here)
            };
            if fits && best.is_none_or(|(number, ..)| number < flow.number) {
                best = Some((flow.number, slot, leg));
            }
        }
        best.map(|(_, slot, leg)| (slot, leg))
    }

    /// The latest flow that has the addresses of the packet's conntrack entry and
    /// takes it.
    pub(super) fn by_conntrack(&self, event: &PacketEvent) -> Option<(u32, Leg)> {
        let (original, reply) = event.conntrack()?;
        let side = side_of(&event.tuple, original, reply)?;
        // The leg of ORIGINAL follows from the packet's as the packet's does from it.
        self.candidates(original, event, |leg| side.leg_of_original(leg))
            .or_else(|| self.candidates(reply, event, |leg| side.leg_of_original(leg.opposite())))
    }

    /// The one flow that the packet's numbers fit best; none if two fit equally.
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

    /// UDP: whether a datagram of the client's comes after the exchange has fallen
    /// silent.
    pub(super) fn is_next_exchange(&self, slot: u32, event: &PacketEvent, leg: Leg) -> bool {
        let Some(flow) = self.store.get(slot) else {
            return false;
        };
        flow.protocol == Protocol::Udp
            && leg == Leg::Forward
            && !event.has(PacketFlags::ICMP_ERROR)
            && flow.is(Marks::ANSWERED | Marks::EMITTED)
            && Mono::of(event).since(flow.last) > self.waits.quiet
    }
}
