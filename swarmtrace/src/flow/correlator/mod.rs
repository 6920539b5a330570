//! Events in, flows out.
//!
//! Events are put in order first, by holding them back for as long as two CPUs
//! may disagree. Then each is assigned to the flow it belongs to: by its
//! addresses, by its conntrack entry's, or by its numbers alone, in that order
//! (the rules are in `matching`). An event that matches no flow begins one if it is
//! a SYN, the answer to one, or a UDP datagram; anything else is counted and
//! dropped. So a connection that was open before the trace began has no flow,
//! unless [`Options`] have its reset begin one.
//!
//! A flow is emitted once it is answered, reset, errored or timed out. It is
//! remembered until it closes, and emitted again if a reset or a late answer
//! changes it. docker-proxy opens a connection of its own: that is another flow.

mod assign;
mod fates;
mod find;
mod lifetime;

use super::intern::Interner;
use super::marks::Marks;
use super::model::Flow;
use super::open_flow::{OpenFlow, Shared};
use super::options::{Options, Waits};
use super::statistics::{Lost, Statistics};
use super::store::Store;
use crate::capture::Event;
use crate::sys::clock::Mono;
use std::collections::VecDeque;

/// Recognises flows.
pub struct Correlator {
    waits: Waits,
    store: Store,
    shared: Shared,
    /// Events that an earlier one may still precede, by time.
    held_back: VecDeque<Event>,
    /// Drops and resets whose flow is not known yet.
    unmatched: VecDeque<Event>,
    lost: u64,
    /// For each loss that events held back may have lived through: by when it
    /// happened, and what was lost before it.
    losses: VecDeque<(Mono, u64)>,
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
            held_back: VecDeque::new(),
            unmatched: VecDeque::new(),
            lost: 0,
            losses: VecDeque::new(),
            counted: Statistics::default(),
        }
    }

    /// Takes an event. Costs no more than a few hundred nanoseconds.
    pub fn push(&mut self, event: impl Into<Event>) {
        let event = event.into();
        self.counted.events += 1;
        let time = event.time();
        let later = self.held_back.iter().rev();
        let after = later.take_while(|other| other.time() > time).count();
        if after == 0 {
            self.held_back.push_back(event);
        } else {
            self.held_back.insert(self.held_back.len() - after, event);
        }
        let newest = self.held_back.back().map_or(Mono::ZERO, Event::time);
        self.release(newest);
    }

    /// Records that events were lost on their way here: flows that are open now, or
    /// begin with an event of before that, get a gap.
    pub fn record_lost(&mut self, lost: Lost) {
        if lost.count > 0 {
            self.losses.push_back((lost.by, self.lost));
            self.lost = self.lost.saturating_add(lost.count);
        }
    }

    /// Flows that are to be emitted by `now` (of a recording: the time of its latest
    /// event). Call it every 10 to 100 ms.
    pub fn take_finished(&mut self, now: Mono) -> Vec<Flow> {
        self.release(now);
        self.match_waiting_fates(now);
        let mut flows = Vec::new();
        for slot in self.store.due(now) {
            flows.extend(self.emit(slot));
            self.keep_or_drop(slot, now);
        }
        if self.shared.spots.nearly_full() {
            self.compact_spots();
        }
        flows
    }

    /// Every flow that was not emitted yet, complete or not: for the end of a
    /// recording or of the program.
    pub fn finish(&mut self) -> Vec<Flow> {
        self.release(Mono::MAX);
        self.match_waiting_fates(Mono::MAX);
        let mut flows = Vec::new();
        for slot in self.store.taken() {
            flows.extend(self.emit(slot));
            self.store.remove(slot);
        }
        flows.sort_by_key(|flow| flow.number);
        flows
    }

    /// How many flows began by then and were not emitted yet. Costs a walk over the
    /// open flows.
    pub fn pending(&self, began_by: Mono) -> usize {
        let pending = |flow: &&OpenFlow| flow.start <= began_by && !flow.is(Marks::EMITTED);
        self.store.iter().filter(pending).count()
    }

    /// What was counted so far. Costs a walk over the open flows.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            evicted: self.store.evicted(),
            live: self.store.iter().count(),
            sightings: self.store.iter().map(OpenFlow::sightings).sum(),
            bytes: self.store.bytes(),
            ..self.counted
        }
    }

    /// Assigns every event held back that no earlier one can precede any more.
    fn release(&mut self, now: Mono) {
        while let Some(first) = self.held_back.front()
            && first.time() + self.waits.reorder <= now
            && let Some(event) = self.held_back.pop_front()
        {
            match &event {
                Event::Packet(packet) => self.assign(packet),
                Event::Drop(_) | Event::ResetSent(_) => self.assign_fate(event),
            }
        }
    }

    /// The flow to emit: none if nothing changed since it was emitted, or if only
    /// failures are wanted and it is none.
    fn emit(&mut self, slot: u32) -> Option<Flow> {
        let flow = self.store.get_mut(slot)?;
        let emitted = flow.is(Marks::EMITTED);
        if emitted && !flow.is(Marks::CHANGED) {
            return None;
        }
        if emitted && !flow.is(Marks::WITHHELD) {
            flow.revision = flow.revision.saturating_add(1);
        }
        flow.marks.insert(Marks::EMITTED);
        flow.marks.remove(Marks::CHANGED | Marks::WITHHELD);
        if self.waits.failures_only && flow.went_well(&self.shared) {
            flow.set(Marks::WITHHELD);
            return None;
        }
        Some(flow.to_flow(&self.shared, self.lost))
    }

    fn compact_spots(&mut self) {
        let mut used = vec![false; usize::from(u16::MAX) + 1];
        for spot in self.store.iter().flat_map(OpenFlow::spots) {
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
