//! The verdict on a connection that was put together from several nodes' recordings.
//!
//! Each node's recording ends with a [`NodeLine`]: its devices and names, and when
//! each tap was in place. With those a connection is judged by what every node saw,
//! and by what it would have seen.

use super::coverage::{AFTERMATH, both_ways, life, lost};
use super::judge::{Judged, answer_watched};
use super::trace::Trace;
use crate::diagnose::{
    Case, Coverage, Diagnosis, NodeCoverage, PathPosition, Tap, TaskActivity, diagnose,
    is_plainly_healthy,
};
use crate::flow::Options;
use crate::recording::{NodeLine, TapSpan, TimelineLine};
use crate::sys::clock::{Mono, Nanos};
use crate::timeline::{Hop, Timeline};
use crate::topology::Topology;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// One node's part of a connection.
#[derive(Clone, Debug)]
pub struct Part {
    revision: u32,
    /// What went wrong, as far as that node saw.
    verdict: Option<Diagnosis>,
    /// What the task was doing, as that node's Docker knows.
    task_state: Option<TaskActivity>,
    /// The hop that its verdict points at.
    pointed: Option<Hop>,
}

impl Part {
    /// What a node recorded of a connection.
    pub fn new(line: &TimelineLine) -> Self {
        let site = line.verdict.as_ref().and_then(|v| v.hop.as_ref());
        let hops = &line.timeline.hops;
        Self {
            revision: line.timeline.revision,
            verdict: line.verdict.clone(),
            task_state: line.task_state,
            pointed: site.and_then(|s| hops.get(s.index)).cloned(),
        }
    }

    /// Which revision of the node's timeline it is.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// Its verdict, pointing into the whole timeline.
    pub fn verdict(&self, whole: &Timeline) -> Option<Diagnosis> {
        let mut verdict = self.verdict.clone()?;
        let index = (self.pointed.as_ref())
            .and_then(|hop| whole.hops.iter().position(|h| same_place(h, hop)));
        verdict.hop = verdict.hop.and_then(|site| {
            Some(PathPosition {
                index: index?,
                ..site
            })
        });
        Some(verdict)
    }
}

impl NodeLine {
    /// The node of a running trace.
    pub fn of(trace: &Trace) -> Self {
        Self {
            node: trace.topology().hostname.clone(),
            taps: trace.tap_spans().spans().collect(),
            follows_since: trace.follows_since(),
            topology: trace.topology().clone(),
        }
    }

    fn taps(&self, life: &RangeInclusive<Mono>) -> Vec<Tap> {
        let steady = self
            .follows_since
            .is_some_and(|since| since <= *life.start());
        let whole = |s: &&TapSpan| s.from <= *life.start() && *life.end() <= s.until;
        let spans = self.taps.iter().filter(move |_| steady).filter(whole);
        spans.flat_map(|s| both_ways(s.at())).collect()
    }
}

/// Judges a connection that was put together from several nodes' timelines, or comes
/// from one node's recording. `parts` are what its nodes found out by themselves.
pub fn judge_joined(
    timeline: Timeline,
    nodes: &BTreeMap<String, NodeLine>,
    parts: &[&Part],
) -> Judged {
    if is_plainly_healthy(&timeline) {
        return Judged::healthy(timeline);
    }
    let coverage = coverage(&timeline, nodes);
    Judged {
        verdict: verdict(&timeline, nodes, parts, &coverage),
        task_state: parts.iter().find_map(|p| p.task_state),
        answer_watched: answer_watched(&timeline, &coverage),
        coverage: Some(coverage),
        timeline,
    }
}

fn verdict(
    timeline: &Timeline,
    nodes: &BTreeMap<String, NodeLine>,
    parts: &[&Part],
    coverage: &Coverage,
) -> Option<Diagnosis> {
    let alone = parts.iter().filter_map(|p| p.verdict(timeline));
    let alone = alone.max_by_key(Diagnosis::certainty);
    if timeline.nodes.len() < 2 {
        return alone;
    }
    let mut part_of = timeline.nodes.iter().map(|name| nodes.get(name));
    let Some(Some(first)) = part_of.next() else {
        return alone;
    };
    let others: Vec<Topology> = part_of.flatten().map(|w| w.topology.clone()).collect();
    let together = diagnose(&Case {
        timeline,
        drops: &timeline.drops,
        resets: &timeline.resets,
        coverage,
        topology: &first.topology,
        others: &others,
        task_state: parts.iter().find_map(|p| p.task_state),
    });
    match (together, alone) {
        (Some(together), Some(alone)) if together.certainty() < alone.certainty() => Some(alone),
        (together, alone) => together.or(alone),
    }
}

/// What was watched on each node for the whole of a joined flow's life. A node
/// whose clock could not be compared counts as not watched.
fn coverage(timeline: &Timeline, nodes: &BTreeMap<String, NodeLine>) -> Coverage {
    let end = timeline.started_monotonic + Nanos::from(Options::default().unanswered);
    let life = life(timeline, end + AFTERMATH);
    let mut coverage = Coverage::default();
    for (index, name) in timeline.nodes.iter().enumerate() {
        let here = match timeline.clocks.iter().find(|c| c.node == *name) {
            _ if index == 0 => Some(life.clone()),
            Some(clock) => clock.bound_ns.map(|bound| {
                let there = |time: &Mono| *time + clock.offset_ns;
                there(life.start()) - bound..=there(life.end()) + bound
            }),
            None => None,
        };
        let watched = nodes.get(name).zip(here);
        let taps = watched.into_iter().flat_map(|(w, life)| w.taps(&life));
        let node = NodeCoverage {
            taps: taps.collect(),
            // The gaps do not say whose the loss was; one is enough to say so.
            lost: if index == 0 { lost(timeline) } else { 0 },
        };
        coverage.nodes.insert(name.clone(), node);
    }
    coverage
}

/// Whether two timelines of a flow mean the same hop.
fn same_place(a: &Hop, b: &Hop) -> bool {
    (&a.node, a.at(), a.way, a.time_ns) == (&b.node, b.at(), b.way, b.time_ns)
}
