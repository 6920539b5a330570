//! Drops and resets find their flow.
//!
//! They are held to the same rules as packets: the flow's addresses, its conntrack
//! entry's, or its numbers, and sequence numbers that fit. What matches no flow yet
//! is kept for a while, because the kernel may drop a connection's first packets
//! before any tap sees one.

use super::Correlator;
use crate::capture::Event;
use crate::flow::fates::is_routine;
use crate::flow::leg::Leg;
use crate::flow::marks::Marks;
use crate::flow::open_flow::OpenFlow;
use crate::flow::packet::{is_syn, is_syn_ack};
use crate::sys::clock::{Mono, Nanos};

/// Most drops and resets that wait for their flow.
const MOST_WAITING: usize = 1024;
/// How long they wait: a SYN is sent again after one and after three seconds.
const WAIT: Nanos = Nanos::from_secs(4);

impl Correlator {
    /// Gives a drop or a reset to its flow, or keeps it until there is one.
    pub(super) fn assign_fate(&mut self, event: Event) {
        if is_routine(&event) || self.match_fate(&event) {
            return;
        }
        if self.unmatched.len() >= MOST_WAITING {
            self.unmatched.pop_front();
            self.counted.unplaced += 1;
        }
        self.unmatched.push_back(event);
    }

    /// Tries again for what waits, and drops what has waited long enough.
    pub(super) fn match_waiting_fates(&mut self, now: Mono) {
        if self.unmatched.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.unmatched);
        for event in waiting {
            if self.match_fate(&event) {
                continue;
            }
            if event.time() + WAIT <= now {
                self.counted.unplaced += 1;
            } else {
                self.unmatched.push_back(event);
            }
        }
    }

    /// Gives a drop or a reset to its flow; `false` if it has none.
    fn match_fate(&mut self, event: &Event) -> bool {
        let packet = event.described();
        let time = Mono::of(packet);
        let fits = |found: &(u32, Leg)| {
            let begun =
                |flow: &OpenFlow| time >= flow.start || is_syn(packet) || is_syn_ack(packet);
            self.store.get(found.0).is_some_and(begun)
                && !self.is_next_exchange(found.0, packet, found.1)
        };
        let found = (self.by_addresses(packet).filter(fits))
            .or_else(|| self.by_conntrack(packet).filter(fits))
            .or_else(|| self.by_numbers(packet).filter(fits));
        let Some((slot, _)) = found else {
            return false;
        };
        let Some(flow) = self.store.get_mut(slot) else {
            return false;
        };
        let closed = flow.is_closed();
        let news = flow.fates.get_or_insert_default().add(event);
        let here = packet.netns == 0
            || flow.spots().any(|spot| {
                let spot = self.shared.spots.get(spot);
                spot.is_some_and(|spot| spot.tap.at.namespace == packet.netns)
            });
        if flow.is(Marks::EMITTED) && news && here && !closed {
            flow.set(Marks::CHANGED);
            self.store.set_deadline(slot, time + self.waits.linger);
        }
        true
    }
}
