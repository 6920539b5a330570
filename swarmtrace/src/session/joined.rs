//! What one node was while it was traced: its devices and names, and when each
//! tap was in place. It stands behind the timelines of `follow --output json`, so
//! that `join` can judge a connection by what both nodes saw, or did not see.

use super::coverage::{AFTERMATH, life, lost, taps};
use super::trace::Trace;
use crate::diagnose::{
    Case, Coverage, NodeCoverage, Site, Tap, TaskActivity, Verdict, diagnose, is_plainly_healthy,
};
use crate::flow::Options;
use crate::recording::{NodeLine, TapSpan, TimelineLine};
use crate::timeline::{Hop, Timeline};
use crate::topology::Topology;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// One node's part of a connection.
#[derive(Clone, Debug)]
pub struct Part {
    revision: u32,
    /// What the node alone judged.
    verdict: Option<Verdict>,
    /// What the task was doing, as the node's Docker reports.
    task_state: Option<TaskActivity>,
    /// The hop that its verdict points at.
    pointed: Option<Hop>,
}

impl Part {
    /// What a node alone recorded of a connection.
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

    /// The later word of the two.
    pub fn or_later(self, other: Self) -> Self {
        if other.revision > self.revision {
            other
        } else {
            self
        }
    }

    /// Its verdict, pointing into the whole timeline.
    pub fn verdict(&self, whole: &Timeline) -> Option<Verdict> {
        let mut verdict = self.verdict.clone()?;
        let index = (self.pointed.as_ref())
            .and_then(|hop| whole.hops.iter().position(|h| same_place(h, hop)));
        verdict.hop = verdict.hop.and_then(|site| {
            Some(Site {
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

    fn taps(&self, life: &RangeInclusive<u64>) -> Vec<Tap> {
        let steady = self
            .follows_since
            .is_some_and(|since| since <= *life.start());
        let whole = |s: &&TapSpan| s.from <= *life.start() && *life.end() <= s.until;
        let spans = self.taps.iter().filter(move |_| steady).filter(whole);
        spans.flat_map(|s| taps(s.netns, s.ifindex)).collect()
    }
}

/// What is wrong with a connection that was put together from several nodes'
/// timelines. `parts` is what stood beside these.
pub fn judge_joined(
    timeline: &Timeline,
    nodes: &BTreeMap<String, NodeLine>,
    parts: &[&Part],
) -> Option<Verdict> {
    if is_plainly_healthy(timeline) {
        return None;
    }
    let alone = parts.iter().filter_map(|p| p.verdict(timeline));
    let alone = alone.max_by_key(|v| v.certainty);
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
        coverage: &coverage(timeline, nodes),
        topology: &first.topology,
        others: &others,
        task_state: parts.iter().find_map(|p| p.task_state),
    });
    match (together, alone) {
        (Some(together), Some(alone)) if together.certainty < alone.certainty => Some(alone),
        (together, alone) => together.or(alone),
    }
}

/// What was watched on each node for the whole of a joined flow's life. A node
/// whose clock could not be compared counts as not watched.
fn coverage(timeline: &Timeline, nodes: &BTreeMap<String, NodeLine>) -> Coverage {
    let patience = u64::try_from(Options::default().unanswered.as_nanos()).unwrap_or(0);
    let end = timeline.started_monotonic.ns().saturating_add(patience);
    let life = life(timeline, end.saturating_add(AFTERMATH));
    let mut coverage = Coverage::default();
    for (index, name) in timeline.nodes.iter().enumerate() {
        let here = match timeline.clocks.iter().find(|c| c.node == *name) {
            _ if index == 0 => Some(life.clone()),
            Some(clock) => clock.bound_ns.map(|bound| {
                let bound = bound.unsigned();
                let there = |time: &u64| time.saturating_add_signed(clock.offset_ns.get());
                there(life.start()).saturating_sub(bound)..=there(life.end()).saturating_add(bound)
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

/// Whether two views of a flow mean the same hop.
fn same_place(a: &Hop, b: &Hop) -> bool {
    (&a.node, a.netns, a.ifindex, a.way, a.time_ns)
        == (&b.node, b.netns, b.ifindex, b.way, b.time_ns)
}
