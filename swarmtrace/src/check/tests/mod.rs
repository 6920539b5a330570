//! Assertions and comparisons of made-up traces.

mod asserting;
mod comparing;
mod parsing;
mod printing;
mod storing;

use super::Observations;
use crate::check::hops::Samples;
use crate::flow::{Correlator, Options};
use crate::recording::RunSummary;
use crate::synthetic::{At, Connection, Ending, Route, topology};
use crate::sys::clock::{Nanos, Wall};
use crate::timeline::Timeline;
use proptest::prelude::{Just, Strategy};
use proptest::strategy::Union;
use swarmtrace_common::PacketEvent;

/// Numbers that look random and are the same every time.
pub struct Dice(pub u64);

impl Dice {
    /// Between 0 and 1.
    pub fn roll(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A factor around 1 with a long tail, as latencies have.
    pub fn factor(&mut self) -> f64 {
        let bell: f64 = (0..4).map(|_| self.roll()).sum::<f64>() - 2.0;
        let tail = if self.roll() > 0.97 { 3.0 } else { 1.0 };
        (bell * 0.2).exp() * tail
    }
}

/// The timelines of node A for those connections.
pub fn timelines_of(connections: &[Connection]) -> Vec<Timeline> {
    let names = topology(At::A);
    let mut events: Vec<PacketEvent> = (connections.iter())
        .flat_map(Connection::events)
        .filter(|e| e.netns < 200)
        .collect();
    events.sort_by_key(|e| e.time);
    let mut correlator = Correlator::new(&Options::default());
    for event in &events {
        correlator.push(event);
    }
    let flows = correlator.finish();
    flows
        .iter()
        .map(|f| f.timeline(&names, Nanos::ZERO))
        .collect()
}

/// `number` connections of a kind, a millisecond apart.
pub fn connections(route: Route, ending: Ending, number: u32, seed: u32) -> Vec<Connection> {
    let one = |n: u32| {
        let mut connection = Connection::new(route, ending, seed + n);
        connection.start += u64::from(n) * 1_000_000;
        connection
    };
    (0..number).map(one).collect()
}

pub fn record(timelines: &[Timeline]) -> Observations {
    let mut record = Observations::new();
    for timeline in timelines {
        record.add(timeline);
    }
    record
}

/// A trace that lost nothing.
pub fn whole() -> RunSummary {
    RunSummary {
        nodes: vec!["node-a".to_owned()],
        connections: 200,
        events: 1000,
        lost: Some(0),
        ..RunSummary::default()
    }
}

/// One of some words.
pub fn word(words: &[&'static str]) -> impl Strategy<Value = &'static str> + use<> {
    Union::new(words.iter().map(|word| Just(*word)))
}

/// Times in nanoseconds, each behind the start of its connection.
fn samples(times: impl IntoIterator<Item = (u64, u64)>) -> Samples {
    (times.into_iter())
        .map(|(started, took)| (Wall::from_ns(started), Nanos::from_unsigned(took)))
        .collect()
}
