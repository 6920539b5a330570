//! The flows that are kept: by slot, by what their packets carry, by when they
//! are next to be looked at, and the oldest first.
//!
//! A flow leaves no trace in the indexes once it is dropped, and there is never
//! more than the given number of them.

use super::fingerprint::Fingerprints;
use super::index::Table;
use super::open_flow::OpenFlow;
use super::packet::{Packet, TCP};
use super::phase::Phase;
use crate::sys::clock::Mono;
use crate::sys::protocol::Protocol;
use std::collections::VecDeque;
use swarmtrace_common::{PacketEvent, TcpFlags, Tuple};

pub(super) struct Store {
    fingerprints: Fingerprints,
    slots: Vec<Option<Box<OpenFlow>>>,
    /// When each slot is next to be looked at; beside the flows, because all
    /// of them are looked through every time.
    deadlines: Vec<Mono>,
    earliest: Mono,
    free: Vec<u32>,
    order: VecDeque<(u32, u64)>,
    by_tuple: Table,
    by_number: Table,
    most: usize,
    evicted: u64,
}

impl Store {
    pub fn new(most: usize) -> Self {
        Self {
            fingerprints: Fingerprints::new(),
            slots: Vec::new(),
            deadlines: Vec::new(),
            earliest: Mono::MAX,
            free: Vec::new(),
            order: VecDeque::new(),
            by_tuple: Table::new(),
            by_number: Table::new(),
            most: most.clamp(1, 1 << 24),
            evicted: 0,
        }
    }

    pub fn get(&self, slot: u32) -> Option<&OpenFlow> {
        self.slots.get(slot as usize)?.as_deref()
    }

    pub fn get_mut(&mut self, slot: u32) -> Option<&mut OpenFlow> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    pub fn iter(&self) -> impl Iterator<Item = &OpenFlow> {
        self.slots.iter().flatten().map(Box::as_ref)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut OpenFlow> {
        self.slots.iter_mut().flatten().map(Box::as_mut)
    }

    /// Slots that hold a flow.
    pub fn taken(&self) -> Vec<u32> {
        let slots = self.slots.iter().enumerate();
        slots
            .filter(|(_, flow)| flow.is_some())
            .filter_map(|(slot, _)| u32::try_from(slot).ok())
            .collect()
    }

    /// Flows that were dropped because there were too many.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Bytes held, indexes included.
    pub fn bytes(&self) -> usize {
        let slot = size_of::<Option<Box<OpenFlow>>>() + size_of::<Mono>();
        let each = |flow: &OpenFlow| size_of::<OpenFlow>() + flow.bytes();
        self.slots.capacity() * slot
            + self.order.capacity() * size_of::<(u32, u64)>()
            + self.by_tuple.bytes()
            + self.by_number.bytes()
            + self.iter().map(each).sum::<usize>()
    }

    /// Keeps a flow; drops the oldest if there are too many.
    pub fn add(&mut self, flow: OpenFlow) -> u32 {
        while self.slots.len() - self.free.len() >= self.most
            && let Some((slot, number)) = self.order.pop_front()
        {
            if self.holds(slot, number) {
                self.remove(slot);
                self.evicted += 1;
            }
        }
        if self.order.len() > 2 * self.most.max(1024) {
            let mut order = std::mem::take(&mut self.order);
            order.retain(|&(slot, number)| self.holds(slot, number));
            self.order = order;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.deadlines.push(Mono::MAX);
            #[expect(clippy::cast_possible_truncation, reason = "no more than `most`")]
            let slot = (self.slots.len() - 1) as u32;
            slot
        });
        self.order.push_back((slot, flow.number));
        if flow.protocol == Protocol::Tcp {
            self.by_number.add(self.fingerprints.isn(flow.isn), slot);
        }
        self.slots[slot as usize] = Some(Box::new(flow));
        slot
    }

    /// Drops a flow.
    pub fn remove(&mut self, slot: u32) {
        let Some(flow) = self.slots.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        for tuple in flow.tuples.iter() {
            self.by_tuple.remove(self.fingerprints.tuple(&tuple), slot);
        }
        if flow.protocol == Protocol::Tcp {
            self.by_number.remove(self.fingerprints.isn(flow.isn), slot);
        } else {
            for packet in flow.packets.iter().filter(|p| p.phase == Phase::Request) {
                self.by_number.remove(self.fingerprint_of(packet), slot);
            }
        }
        self.deadlines[slot as usize] = Mono::MAX;
        self.free.push(slot);
    }

    fn holds(&self, slot: u32, number: u64) -> bool {
        self.get(slot).is_some_and(|flow| flow.number == number)
    }

    fn fingerprint_of(&self, packet: &Packet) -> u32 {
        let tag = packet.seq ^ packet.payload_length;
        self.fingerprints
            .datagram(packet.ip_id, packet.payload_length, tag)
    }

    /// Adds one of a flow's tuples to the index.
    pub fn index_tuple(&mut self, slot: u32, tuple: &Tuple) {
        self.by_tuple.add(self.fingerprints.tuple(tuple), slot);
    }

    /// Adds a flow's latest packet, a UDP request, to the index.
    pub fn index_request(&mut self, slot: u32) {
        let latest = self.get(slot).and_then(|flow| flow.packets.last());
        if let Some(fingerprint) = latest.map(|packet| self.fingerprint_of(packet)) {
            self.by_number.add(fingerprint, slot);
        }
    }

    /// Flows that may have a tuple.
    pub fn with_tuple(&self, tuple: &Tuple) -> impl Iterator<Item = (u32, &OpenFlow)> {
        let slots = self.by_tuple.slots(self.fingerprints.tuple(tuple));
        slots.filter_map(|slot| Some((slot, self.get(slot)?)))
    }

    /// Flows that may have an event's numbers.
    pub fn with_numbers(&self, event: &PacketEvent) -> impl Iterator<Item = (u32, &OpenFlow)> {
        let fingerprint = if event.tuple.protocol != TCP {
            self.fingerprints
                .datagram(event.ip_id, event.payload_length, event.payload_tag)
        } else if !event.tcp_flags.contains(TcpFlags::ACK) {
            self.fingerprints.isn(event.seq)
        } else {
            self.fingerprints.isn(event.ack.wrapping_sub(1))
        };
        let slots = self.by_number.slots(fingerprint);
        slots.filter_map(|slot| Some((slot, self.get(slot)?)))
    }

    pub fn set_deadline(&mut self, slot: u32, deadline: Mono) {
        if let Some(place) = self.deadlines.get_mut(slot as usize) {
            *place = deadline;
            self.earliest = self.earliest.min(deadline);
        }
    }

    /// Slots to be looked at by `now`. Each must be given a new deadline or be
    /// removed.
    pub fn due(&mut self, now: Mono) -> Vec<u32> {
        let mut due = Vec::new();
        if now < self.earliest {
            return due;
        }
        self.earliest = Mono::MAX;
        for (slot, deadline) in self.deadlines.iter().enumerate() {
            if *deadline > now {
                self.earliest = self.earliest.min(*deadline);
            } else if let Ok(slot) = u32::try_from(slot) {
                due.push(slot);
            }
        }
        due
    }
}
