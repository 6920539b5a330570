//! One connection, seen by two nodes, as one timeline.
//!
//! Two timelines are one connection's when they agree on what no rewrite
//! changes and on the addresses inside the tunnel: the client's initial
//! sequence number (UDP: what identifies the request) and the inner
//! addresses of the forward leg. One must have left for another node and the
//! other have come from one, or at least not be the same node's.
//!
//! The clock offset comes from every exchange that two nodes' timelines share
//! (see [`Clock`]). Within a timeline causality decides: a packet
//! leaves the one node before it enters the other, whatever the clocks say.

mod exchanges;
mod merge;
mod pairing;

use self::exchanges::exchanges;
use self::merge::merge;
use self::pairing::{node, pair};
use super::clock_estimate::Clock;
use super::model::{Gap, JoinKey, Timeline};
use crate::sys::clock::Mono;
use std::collections::HashMap;

/// What joining gave.
#[derive(Clone, Debug, Default)]
pub struct Joined {
    /// Every timeline, whole or alone, by the time it started.
    pub timelines: Vec<Timeline>,
    /// How many were put together from two nodes' parts.
    pub whole: usize,
    /// How many left for or came from a node whose part is missing.
    pub alone: usize,
}

/// Joins timelines of several nodes, in whatever order.
pub fn join(timelines: Vec<Timeline>) -> Joined {
    let mut parts = latest(timelines);
    parts.sort_by(|a, b| (a.started, &a.nodes).cmp(&(b.started, &b.nodes)));
    let pairs = pair(&parts);
    let mut clocks: HashMap<(&str, &str), Clock> = HashMap::new();
    for &(near, far) in &pairs {
        let (near, far) = (&parts[near], &parts[far]);
        let clock = clocks.entry((node(near), node(far))).or_default();
        for (time, interval) in exchanges(near, far) {
            clock.add(time, interval);
        }
    }
    let mut joined = Joined::default();
    let mut done = vec![false; parts.len()];
    for &(near, far) in &pairs {
        done[near] = true;
        done[far] = true;
        let (near, far) = (&parts[near], &parts[far]);
        let clock = clocks.get(&(node(near), node(far)));
        joined.timelines.push(merge(near, far, clock));
        joined.whole += 1;
    }
    drop(clocks);
    for (mut timeline, done) in parts.into_iter().zip(done) {
        if done {
            continue;
        }
        let crossed = timeline.left_for.is_some() || timeline.came_from.is_some();
        if crossed && timeline.nodes.len() == 1 {
            joined.alone += 1;
            if !timeline.gaps.contains(&Gap::OtherNodeMissing) {
                timeline.gaps.push(Gap::OtherNodeMissing);
            }
        }
        joined.timelines.push(timeline);
    }
    joined.timelines.sort_by_key(|t| t.started);
    joined
}

/// Each node's latest revision of each flow.
fn latest(timelines: Vec<Timeline>) -> Vec<Timeline> {
    let mut last: HashMap<(Vec<String>, JoinKey, Mono), Timeline> = HashMap::new();
    for timeline in timelines {
        let mut key = timeline.key.clone();
        // Known only once the server answered.
        key.server_isn = None;
        key.tunnel = None;
        let key = (timeline.nodes.clone(), key, timeline.started_monotonic);
        match last.get(&key) {
            Some(known) if known.revision >= timeline.revision => {}
            _ => {
                last.insert(key, timeline);
            }
        }
    }
    last.into_values().collect()
}
