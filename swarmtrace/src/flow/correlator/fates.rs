//! Drops and resets find their flow.
//!
//! They are held to the same rules as packets: addresses that the flow wears,
//! its conntrack entry's, or its numbers, and sequence numbers that fit. What
//! belongs to no flow yet is kept for a while, because the kernel may drop a
//! connection's first packets before any tap sees one.

use super::super::model::{FlowDrop, FlowReset};
use super::super::open_flow::{Live, PROTOCOL_TCP, is_syn, is_syn_ack, marks};
use super::Correlator;
use crate::capture::Event;
use swarmtrace_common::{FateEvent, NO_REASON, Tuple, flags, tcp};

/// Most drops, and most resets, that are kept of one flow.
const MOST: usize = 16;
/// Most drops and resets that wait for their flow.
const MOST_WAITING: usize = 1024;
/// How long they wait: a SYN is sent again after one and after three seconds.
const WAIT: u64 = 4_000_000_000;

/// What a kernel said of one flow.
#[derive(Debug, Default)]
pub(in super::super) struct Fates {
    pub drops: Vec<FlowDrop>,
    pub resets: Vec<FlowReset>,
}

impl Fates {
    /// Adds a drop or a reset; `true` where it says something new.
    fn add(&mut self, event: &Event) -> bool {
        match event {
            Event::Packet(_) => false,
            Event::Drop(fate) => {
                let drop = FlowDrop::of(fate);
                let known = self.drops.iter().any(|d| d.is_like(&drop));
                keep(&mut self.drops, drop) && !known
            }
            Event::ResetSent(fate) => {
                let reset = FlowReset::of(fate);
                let known = self.resets.iter().any(|r| r.is_like(&reset));
                keep(&mut self.resets, reset) && !known
            }
        }
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.drops.capacity() * size_of::<FlowDrop>()
            + self.resets.capacity() * size_of::<FlowReset>()
    }
}

fn keep<T>(list: &mut Vec<T>, one: T) -> bool {
    let room = list.len() < MOST;
    if room {
        list.reserve_exact(1);
        list.push(one);
    }
    room
}

impl FlowDrop {
    fn of(fate: &FateEvent) -> Self {
        let packet = &fate.packet;
        Self {
            time: packet.time,
            skb: packet.skb,
            location: fate.location,
            netns: packet.netns,
            ifindex: packet.ifindex,
            reason: fate.reason,
            tuple: own_addresses(fate),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        let what = |d: &Self| (d.reason, d.location, d.netns, d.ifindex, d.tuple);
        what(self) == what(other)
    }
}

impl FlowReset {
    fn of(fate: &FateEvent) -> Self {
        Self {
            time: fate.packet.time,
            netns: fate.packet.netns,
            reason: fate.reason,
            tuple: fate.packet.tuple,
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        let what = |r: &Self| (r.reason, r.netns, r.tuple);
        what(self) == what(other)
    }
}

/// Whether a kernel does that all day long: it frees the last segments of a closing
/// connection in the way of a drop, without a reason. What carries data or opens a
/// connection is not freed so, and a firewall's drop has a reason where there are
/// any.
fn is_routine(event: &Event) -> bool {
    let Event::Drop(fate) = event else {
        return false;
    };
    let packet = &fate.packet;
    fate.reason == NO_REASON
        && packet.tuple.protocol == PROTOCOL_TCP
        && packet.payload_length == 0
        && packet.tcp_flags & tcp::SYN == 0
        && !packet.has(flags::ICMP_ERROR)
}

/// The packet's own addresses, an ICMP error's without type and code.
fn own_addresses(fate: &FateEvent) -> Tuple {
    let packet = &fate.packet;
    if !packet.has(flags::ICMP_ERROR) {
        return packet.tuple;
    }
    Tuple {
        src_port: 0,
        dst_port: 0,
        ..packet.outer
    }
}

impl Correlator {
    /// Gives a drop or a reset to its flow, or keeps it until there is one.
    pub(super) fn place_fate(&mut self, event: Event) {
        if is_routine(&event) || self.give(&event) {
            return;
        }
        if self.homeless.len() >= MOST_WAITING {
            self.homeless.pop_front();
            self.counted.unplaced += 1;
        }
        self.homeless.push_back(event);
    }

    /// Tries again for what waits, and gives up on what has waited long enough.
    pub(super) fn place_waiting_fates(&mut self, now: u64) {
        if self.homeless.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.homeless);
        for event in waiting {
            if self.give(&event) {
                continue;
            }
            if event.time().saturating_add(WAIT) <= now {
                self.counted.unplaced += 1;
            } else {
                self.homeless.push_back(event);
            }
        }
    }

    fn give(&mut self, event: &Event) -> bool {
        let packet = event.described();
        let fits = |found: &(u32, super::Leg)| {
            let begun =
                |flow: &Live| packet.time >= flow.start || is_syn(packet) || is_syn_ack(packet);
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
        let closed = flow.is(marks::CLIENT_FIN) && flow.is(marks::SERVER_FIN);
        let news = flow.fates.get_or_insert_default().add(event);
        let here = packet.netns == 0
            || flow.spots().any(|spot| {
                let spot = self.shared.spots.get(spot);
                spot.is_some_and(|spot| spot.tap.netns == packet.netns)
            });
        if flow.is(marks::TOLD) && news && here && !closed {
            flow.set(marks::CHANGED);
            let deadline = packet.time.saturating_add(self.waits.linger);
            self.store.set_deadline(slot, deadline);
        }
        true
    }
}
