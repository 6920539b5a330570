//! How long each edge of the paths takes, over many connections.
//!
//! An edge is two consecutive hops of one packet, named by their roles, which
//! are the same for every connection: an edge's times add up whichever task or
//! veth it was. Retransmissions count like first transmissions. An edge
//! between nodes counts only where the clock offset is known; its times are
//! off by up to the clock's bound. Where an event was lost the two hops beside
//! it make an edge of their own, so no edge's times mix two distances.

use super::hop::Hop;
use super::model::Timeline;
use super::state::same_packet;
use crate::flow::Leg;
use crate::sys::clock::Nanos;
use foldhash::fast::RandomState;
use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use swarmtrace_common::Direction;

/// Most edges that are counted by themselves.
const MAX_EDGES: usize = 2_000;

/// Longer times count as this: an hour.
const LONGEST: Nanos = Nanos::from_secs(3600);

/// What was measured.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Measure {
    /// [`Timeline::handshake_ns`]
    Handshake,
    /// [`Timeline::first_byte_ns`]
    FirstByte,
    /// From one hop to the next.
    Edge {
        /// Which leg.
        leg: Leg,
        /// Role and way of the hop before.
        from: String,
        /// Role and way of the hop after.
        to: String,
        /// The two hops are on different nodes.
        between_nodes: bool,
    },
}

/// One measure's figures. Times are nanoseconds, exact to 1 %.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// What was measured.
    #[serde(flatten)]
    pub measure: Measure,
    /// How many times.
    pub count: u64,
    /// Half were no longer.
    #[schemars(with = "u64")]
    pub p50_ns: Nanos,
    /// Nine in ten were no longer.
    #[schemars(with = "u64")]
    pub p90_ns: Nanos,
    /// 99 in a hundred were no longer.
    #[schemars(with = "u64")]
    pub p99_ns: Nanos,
    /// The longest.
    #[schemars(with = "u64")]
    pub max_ns: Nanos,
}

/// A [`Measure`] that is made without a copy of a name: one is asked for for every
/// pair of hops.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Handshake,
    FirstByte,
    Edge {
        leg: Leg,
        from: (Arc<str>, Direction),
        to: (Arc<str>, Direction),
        between_nodes: bool,
    },
}

impl From<&Key> for Measure {
    fn from(key: &Key) -> Self {
        match key {
            Key::Handshake => Self::Handshake,
            Key::FirstByte => Self::FirstByte,
            Key::Edge {
                leg,
                from,
                to,
                between_nodes,
            } => Self::Edge {
                leg: *leg,
                from: label(from),
                to: label(to),
                between_nodes: *between_nodes,
            },
        }
    }
}

struct Kept {
    times: Histogram<u32>,
    /// Where on the path, for the order of the table.
    position: usize,
}

/// Gathers timelines' times.
#[derive(Default)]
pub struct Histograms {
    kept: HashMap<Key, Kept, RandomState>,
    crowded_out: u64,
}

impl Histograms {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a timeline's times. A later revision adds only what the ones before
    /// cannot have had: give every timeline once, or only revision 0.
    pub fn add(&mut self, timeline: &Timeline) {
        if let Some(took) = timeline.handshake_ns {
            self.add_time(Key::Handshake, 0, took);
        }
        if let Some(took) = timeline.first_byte_ns {
            self.add_time(Key::FirstByte, 0, took);
        }
        for packet in timeline.hops.chunk_by(same_packet) {
            for (position, pair) in packet.windows(2).enumerate() {
                if let [from, to] = pair {
                    self.edge(from, to, position);
                }
            }
        }
    }

    /// Times of edges that were not kept because there were too many edges.
    pub fn crowded_out(&self) -> u64 {
        self.crowded_out
    }

    /// The figures: handshake and first byte, then edges along the path there,
    /// then along the path back.
    pub fn latencies(&self) -> Vec<Latency> {
        let named = |(key, kept)| (Measure::from(key), kept);
        let mut rows: Vec<(Measure, &Kept)> = self.kept.iter().map(named).collect();
        rows.sort_by_cached_key(|(measure, kept)| match measure {
            Measure::Handshake => (0, None, 0, String::new(), String::new()),
            Measure::FirstByte => (1, None, 0, String::new(), String::new()),
            Measure::Edge { leg, from, to, .. } => {
                (2, Some(*leg), kept.position, from.clone(), to.clone())
            }
        });
        rows.into_iter()
            .map(|(measure, Kept { times, .. })| Latency {
                measure,
                count: times.len(),
                p50_ns: Nanos::from_unsigned(times.value_at_quantile(0.5).min(times.max())),
                p90_ns: Nanos::from_unsigned(times.value_at_quantile(0.9).min(times.max())),
                p99_ns: Nanos::from_unsigned(times.value_at_quantile(0.99).min(times.max())),
                max_ns: Nanos::from_unsigned(times.max()),
            })
            .collect()
    }

    fn edge(&mut self, from: &Hop, to: &Hop, position: usize) {
        let between_nodes = from.node != to.node;
        if between_nodes && (from.uncertainty_ns.is_none() || to.uncertainty_ns.is_none()) {
            return;
        }
        let took = to.offset_ns - from.offset_ns;
        let end = |hop: &Hop| (Arc::clone(&hop.role), hop.way);
        let key = Key::Edge {
            leg: to.leg,
            from: end(from),
            to: end(to),
            between_nodes,
        };
        self.add_time(key, position, took);
    }

    fn add_time(&mut self, key: Key, position: usize, took: Nanos) {
        let crowded = self.kept.len() >= MAX_EDGES;
        let kept = match self.kept.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if crowded => {
                self.crowded_out += 1;
                return;
            }
            Entry::Vacant(new) => {
                let Ok(mut times) = Histogram::new(2) else {
                    return;
                };
                times.auto(true);
                new.insert(Kept { times, position })
            }
        };
        kept.position = kept.position.max(position);
        // It grows to what it is given, up to its limit.
        let _ = kept
            .times
            .record(took.clamp(Nanos::new(1), LONGEST).unsigned());
    }
}

fn label((role, way): &(Arc<str>, Direction)) -> String {
    format!("{role} {}", way.name())
}
