//! Events in, flows out.
//!
//! Events are put in order first, by holding them back for as long as two CPUs
//! may disagree. Then each is given to the flow it belongs to: by its
//! addresses, by its conntrack entry's, or by its numbers alone, in that order
//! (the rules are in `matching`). What fits nowhere begins a flow if it is a SYN,
//! the answer to one, or a UDP datagram; anything else is counted and dropped,
//! so a connection that was open before the trace began is not told of, unless
//! [`Options`] have its reset begin a flow.
//!
//! A flow is told of as soon as it has a story: an answer to its first data, a
//! reset, an ICMP error, or the time that [`Options`] give it has passed. It
//! is remembered until it closes, and told of again if a reset or a late
//! answer changes the story. docker-proxy opens a connection of its own: that
//! is another flow, by nature.

mod fates;
mod find;

use super::intern::Interner;
use super::leg::Leg;
use super::matching;
use super::model::Flow;
use super::open_flow::{
    Live, PROTOCOL_TCP, PROTOCOL_UDP, Recorded, Shared, is_syn, is_syn_ack, marks,
};
use super::options::{Options, Waits};
use super::phase::Phase;
use super::store::Store;
use super::tuples::Facing;
use crate::capture::Event;
use std::collections::VecDeque;
use swarmtrace_common::{PacketEvent, Tuple, flags, tcp};

/// What a correlator counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Statistics {
    /// Events pushed.
    pub events: u64,
    /// Events of flows whose beginning was not seen, or that fit two flows; drops
    /// and resets that belong to none.
    pub unplaced: u64,
    /// Events that were reported twice.
    pub duplicates: u64,
    /// Sightings not kept because a flow had too many.
    pub omitted: u64,
    /// Flows dropped because there were too many.
    pub evicted: u64,
    /// Flows begun.
    pub begun: u64,
    /// Flows kept now.
    pub live: usize,
    /// Sightings kept now.
    pub sightings: usize,
    /// Bytes held for the flows kept now, indexes included.
    pub bytes: usize,
}

/// Events that never arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// How many.
    pub count: u64,
    /// They happened no later than that, CLOCK_MONOTONIC in nanoseconds. Events
    /// that are older may still be on their way.
    pub by: u64,
}

pub(super) use fates::Fates;

/// Recognises flows.
pub struct Correlator {
    waits: Waits,
    store: Store,
    shared: Shared,
    waiting: VecDeque<Event>,
    /// Drops and resets whose flow is not known yet.
    homeless: VecDeque<Event>,
    lost: u64,
    /// The newest event's time at each loss that waiting events may have
    /// lived through, and what was lost before it.
    losses: VecDeque<(u64, u64)>,
    counted: Statistics,
}

impl Correlator {
    /// A correlator with nothing in it.
    pub fn new(options: &Options) -> Self {
        Self {
            waits: Waits::from(options),
            store: Store::new(options.max_flows),
            shared: Shared {
                spots: Interner::new(),
                tunnels: Interner::new(),
            },
            waiting: VecDeque::new(),
            homeless: VecDeque::new(),
            lost: 0,
            losses: VecDeque::new(),
            counted: Statistics::default(),
        }
    }

    /// Takes an event. Costs no more than a few hundred nanoseconds.
    pub fn push(&mut self, event: impl Into<Event>) {
        let event = event.into();
        self.counted.events += 1;
        let after = self
            .waiting
            .iter()
            .rev()
            .take_while(|w| w.time() > event.time())
            .count();
        if after == 0 {
            self.waiting.push_back(event);
        } else {
            self.waiting.insert(self.waiting.len() - after, event);
        }
        let newest = self.waiting.back().map_or(0, Event::time);
        self.settle(newest);
    }

    /// Notes that events were lost on their way here: flows that are alive now, or
    /// begin with an event of before that, will say so.
    pub fn note_lost(&mut self, lost: Lost) {
        if lost.count > 0 {
            self.losses.push_back((lost.by, self.lost));
            self.lost = self.lost.saturating_add(lost.count);
        }
    }

    /// Flows that have a story by `now` (CLOCK_MONOTONIC, nanoseconds; of a
    /// recording: the time of its latest event). Call it every 10 to 100 ms.
    pub fn take_finished(&mut self, now: u64) -> Vec<Flow> {
        self.settle(now);
        self.place_waiting_fates(now);
        let mut told = Vec::new();
        for slot in self.store.due(now) {
            told.extend(self.tell(slot));
            self.keep_or_drop(slot, now);
        }
        if self.shared.spots.nearly_full() {
            self.compact_spots();
        }
        told
    }

    /// Everything that was not told of yet, whether or not it is complete: for
    /// the end of a recording or of the program.
    pub fn finish(&mut self) -> Vec<Flow> {
        self.settle(u64::MAX);
        self.place_waiting_fates(u64::MAX);
        let mut told = Vec::new();
        for slot in self.store.taken() {
            told.extend(self.tell(slot));
            self.store.remove(slot);
        }
        told.sort_by_key(|flow| flow.number);
        told
    }

    /// Flows that began by then and were not told of yet. Costs a walk over the
    /// live flows.
    pub fn untold(&self, began_by: u64) -> usize {
        let untold = |flow: &&Live| flow.start <= began_by && !flow.is(marks::TOLD);
        self.store.iter().filter(untold).count()
    }

    /// What was counted so far. Costs a walk over the live flows.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            evicted: self.store.evicted(),
            live: self.store.iter().count(),
            sightings: self.store.iter().map(Live::sightings).sum(),
            bytes: self.store.bytes(),
            ..self.counted
        }
    }

    /// Places every waiting event that no earlier one can precede any more.
    fn settle(&mut self, now: u64) {
        while let Some(first) = self.waiting.front()
            && first.time().saturating_add(self.waits.reorder) <= now
            && let Some(event) = self.waiting.pop_front()
        {
            match &event {
                Event::Packet(packet) => self.place(packet),
                Event::Drop(_) | Event::ResetSent(_) => self.place_fate(event),
            }
        }
    }

    fn place(&mut self, event: &PacketEvent) {
        let protocol = event.tuple.protocol;
        if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP)
            || event.has(flags::FRAGMENT)
            || event.has(flags::ESP)
        {
            self.counted.unplaced += 1;
            return;
        }
        let by_addresses = self.by_addresses(event);
        let fresh = |found: &(u32, Leg)| !self.is_next_exchange(found.0, event, found.1);
        let found = by_addresses
            .filter(fresh)
            .or_else(|| self.by_conntrack(event).filter(fresh))
            .or_else(|| self.by_numbers(event).filter(fresh));
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
            flow.set(marks::SUPERSEDED);
            let deadline = flow.last.saturating_add(self.waits.linger);
            self.store.set_deadline(slot, deadline);
        }
    }

    fn begin(&mut self, event: &PacketEvent) {
        let udp = event.tuple.protocol == PROTOCOL_UDP;
        let reset_of_syn =
            event.tcp_flags & (tcp::RST | tcp::ACK) == tcp::RST | tcp::ACK && event.seq == 0;
        let answer = is_syn_ack(event) || reset_of_syn;
        let opens = udp || is_syn(event) || answer;
        let late = !opens && self.waits.unknown_resets && event.tcp_flags & tcp::RST != 0;
        if event.has(flags::ICMP_ERROR) || !(opens || late) {
            self.counted.unplaced += 1;
            return;
        }
        let backwards = if udp {
            event.conntrack().is_some_and(|(original, reply)| {
                (event.tuple == *reply || event.tuple == original.reversed())
                    && event.tuple != *original
                    && event.tuple != reply.reversed()
            })
        } else {
            answer || late && matching::leg_alone(event) == Leg::Reply
        };
        let isn = match (udp, answer) {
            (true, _) => 0,
            (false, true) => event.ack.wrapping_sub(1),
            (false, false) => event.seq,
        };
        let mut flow = Live::new(self.counted.begun, event, isn, self.lost_before(event));
        if late {
            flow.set(marks::LATE);
        }
        self.counted.begun += 1;
        let slot = self.store.add(flow);
        let deadline = event.time.saturating_add(self.waits.unanswered);
        self.store.set_deadline(slot, deadline);
        let leg = if backwards { Leg::Reply } else { Leg::Forward };
        self.record(slot, event, leg);
    }

    /// What was lost before the event came in.
    fn lost_before(&mut self, event: &PacketEvent) -> u64 {
        while let Some((time, _)) = self.losses.front()
            && *time < event.time
        {
            self.losses.pop_front();
        }
        self.losses.front().map_or(self.lost, |(_, before)| *before)
    }

    /// The facing of a tuple on that leg of a flow, which wears it from now on.
    fn wear(&mut self, slot: u32, tuple: &Tuple, leg: Leg) -> Facing {
        let Some(flow) = self.store.get_mut(slot) else {
            return Facing::NONE;
        };
        if let Some(facing) = flow.tuples.find(tuple) {
            return facing;
        }
        let forward = match leg {
            Leg::Forward => *tuple,
            Leg::Reply => tuple.reversed(),
        };
        if flow.tuples.add(&forward).is_none() {
            return Facing::NONE;
        }
        let facing = flow.tuples.find(tuple).unwrap_or(Facing::NONE);
        self.store.note_tuple(slot, &forward);
        facing
    }

    fn record(&mut self, slot: u32, event: &PacketEvent, leg: Leg) {
        let facing = self.wear(slot, &event.tuple, leg);
        let conntrack = match event.conntrack() {
            Some((original, reply)) if !event.has(flags::ICMP_ERROR) => {
                let (there, back) = legs_of(event, original, reply, leg);
                (
                    self.wear(slot, original, there),
                    self.wear(slot, reply, back),
                )
            }
            _ => (Facing::NONE, Facing::NONE),
        };
        if facing == Facing::NONE {
            self.counted.omitted += 1;
            return;
        }
        let Some(flow) = self.store.get_mut(slot) else {
            return;
        };
        let phase = matching::phase(flow, event, leg);
        let past_exchange = flow.protocol == PROTOCOL_UDP
            && !event.has(flags::ICMP_ERROR)
            && flow.is(marks::ANSWERED)
            && phase.is_some_and(|phase| {
                let known = flow.packets.iter().any(|p| p.phase == phase);
                known
                    && !flow
                        .transmissions(event, phase, leg)
                        .any(|(_, p)| p.may_be(event))
            });
        flow.last = flow.last.max(event.time);
        let Some(phase) = phase.filter(|_| !past_exchange) else {
            return;
        };
        let packets = flow.packets.len();
        let recorded = flow.record(event, phase, facing, conntrack, &mut self.shared);
        let asked_again = flow.protocol == PROTOCOL_UDP
            && phase == Phase::Request
            && flow.packets.len() > packets;
        if asked_again {
            self.store.note_request(slot);
        }
        match recorded {
            Recorded::New => {}
            Recorded::Duplicate => self.counted.duplicates += 1,
            Recorded::Omitted => self.counted.omitted += 1,
        }
        if recorded != Recorded::Duplicate {
            self.after(slot, event, leg, phase);
        }
    }

    /// Notes what a packet means for its flow and when to look at it again.
    fn after(&mut self, slot: u32, event: &PacketEvent, leg: Leg, phase: Phase) {
        let Some(flow) = self.store.get_mut(slot) else {
            return;
        };
        let before = flow.marks;
        let udp = flow.protocol == PROTOCOL_UDP;
        match phase {
            Phase::Syn => flow.set(marks::START_SEEN),
            Phase::SynAck => {
                flow.server_isn = event.seq;
                flow.set(marks::ANSWERED);
            }
            Phase::Request if udp => flow.set(marks::START_SEEN | marks::REQUEST),
            Phase::Response if udp => flow.set(marks::ANSWERED | marks::RESPONSE),
            Phase::Request => flow.set(marks::REQUEST),
            Phase::Response => flow.set(marks::RESPONSE),
            Phase::Rst => flow.set(marks::RESET),
            Phase::IcmpError => flow.set(marks::ICMP),
            Phase::Fin | Phase::Ack => {}
        }
        if event.tcp_flags & tcp::FIN != 0 && !event.has(flags::ICMP_ERROR) {
            flow.set(match leg {
                Leg::Forward => marks::CLIENT_FIN,
                Leg::Reply => marks::SERVER_FIN,
            });
        }
        let news = flow.marks & !before;
        if flow.is(marks::TOLD) {
            let closed = marks::CLIENT_FIN | marks::SERVER_FIN;
            let closed = before & closed == closed;
            let late_response = news & marks::RESPONSE != 0 && before & marks::REQUEST != 0;
            let broken = news & marks::RESET != 0 && !closed;
            if broken || late_response || news & marks::ANSWERED != 0 {
                flow.set(marks::CHANGED);
            }
        }
        let deadline = wait_until(flow, event.time, &self.waits);
        self.store.set_deadline(slot, deadline);
    }

    /// After a flow was looked at.
    fn keep_or_drop(&mut self, slot: u32, now: u64) {
        let Some(flow) = self.store.get(slot) else {
            return;
        };
        let kept = match (flow.is(marks::RESET), flow.is_over()) {
            (true, _) if !flow.is(marks::SUPERSEDED) => self.waits.after_reset,
            (_, true) => 0,
            _ => self.waits.forget,
        };
        let forget = flow.last.saturating_add(kept);
        if forget <= now {
            self.store.remove(slot);
        } else {
            self.store.set_deadline(slot, forget);
        }
    }

    fn tell(&mut self, slot: u32) -> Option<Flow> {
        let flow = self.store.get_mut(slot)?;
        if flow.is(marks::TOLD) && !flow.is(marks::CHANGED) {
            return None;
        }
        if flow.is(marks::TOLD) && !flow.is(marks::SILENT) {
            flow.revision = flow.revision.saturating_add(1);
        }
        flow.marks = (flow.marks | marks::TOLD) & !(marks::CHANGED | marks::SILENT);
        if self.waits.failures_only && flow.went_well(&self.shared) {
            flow.set(marks::SILENT);
            return None;
        }
        Some(flow.flow(&self.shared, self.lost))
    }

    fn compact_spots(&mut self) {
        let mut used = vec![false; usize::from(u16::MAX) + 1];
        for spot in self.store.iter().flat_map(Live::spots) {
            used[usize::from(spot)] = true;
        }
        let numbers = self
            .shared
            .spots
            .compact(|number| used[usize::from(number)]);
        for flow in self.store.iter_mut() {
            flow.renumber(&numbers);
        }
    }
}

/// On which leg conntrack's two tuples lie, by the one that the packet is on.
fn legs_of(event: &PacketEvent, original: &Tuple, reply: &Tuple, leg: Leg) -> (Leg, Leg) {
    let with_original = event.tuple == *original || event.tuple == reply.reversed();
    match (leg, with_original) {
        (Leg::Forward, true) | (Leg::Reply, false) => (Leg::Forward, Leg::Reply),
        (Leg::Reply, true) | (Leg::Forward, false) => (Leg::Reply, Leg::Forward),
    }
}

/// Until when a flow is waited for, after a packet at `time`.
fn wait_until(flow: &Live, time: u64, waits: &Waits) -> u64 {
    let first = |phase| {
        flow.packets
            .iter()
            .find(|p| p.phase == phase)
            .map_or(time, |p| p.base)
    };
    let udp = flow.protocol == PROTOCOL_UDP;
    let complete = flow.is(marks::RESPONSE) && (udp || flow.is(marks::REQUEST));
    if flow.is_over() || flow.is(marks::CHANGED) {
        time.saturating_add(waits.linger)
    } else if flow.is(marks::TOLD) {
        time.saturating_add(waits.forget)
    } else if complete || flow.is(marks::ICMP) {
        time.saturating_add(waits.linger)
    } else if flow.is(marks::REQUEST) && !udp {
        first(Phase::Request).saturating_add(waits.response)
    } else if flow.is(marks::ANSWERED) {
        first(Phase::SynAck).saturating_add(waits.idle)
    } else {
        flow.start.saturating_add(waits.unanswered)
    }
}
