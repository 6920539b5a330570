//! From a timeline to its verdict, with what the running trace knows around it.

use super::coverage::{life, lost};
use super::trace::Trace;
use crate::diagnose::{Case, Coverage, Diagnosis, Tap, TaskActivity, diagnose, is_plainly_healthy};
use crate::recording::TimelineLine;
use crate::sys::clock::Mono;
use crate::timeline::{Leg, Timeline};
use anyhow::Result;

/// A timeline and what is known of its flow.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The path that was seen. Its gaps say how many events were lost meanwhile.
    pub timeline: Timeline,
    /// What went wrong, if anything did.
    pub verdict: Option<Diagnosis>,
    /// What the task was doing when the flow failed, where it did and that is known.
    pub task_state: Option<TaskActivity>,
    /// The taps that were in place for the whole of the flow's life and reported it;
    /// `None` of a plainly healthy flow, whose verdict needs none.
    pub coverage: Option<Coverage>,
    /// Whether an answer to where the flow came from would have been seen.
    pub answer_watched: bool,
}

impl Judged {
    /// A flow about which no rule has anything to say.
    pub fn healthy(timeline: Timeline) -> Self {
        Self {
            timeline,
            verdict: None,
            task_state: None,
            coverage: None,
            answer_watched: true,
        }
    }

    /// As a line of a recording.
    pub fn into_line(self) -> TimelineLine {
        TimelineLine {
            timeline: self.timeline,
            verdict: self.verdict,
            task_state: self.task_state,
        }
    }

    /// Leaves the way back out, except for the packet that the verdict points at.
    pub fn drop_reply(&mut self) {
        let site = self.verdict.as_mut().and_then(|v| v.hop.as_mut());
        let moved = (self.timeline).drop_reply(site.as_ref().map(|s| s.index));
        if let (Some(site), Some(index)) = (site, moved) {
            site.index = index;
        }
    }
}

/// Judges each of these flows, which were found to be complete at `now`. Re-verifies
/// the taps, once, if one of the flows needs it.
///
/// Errors if the kernel does not say which taps are in place.
pub fn judge_all(timelines: Vec<Timeline>, trace: &mut Trace, now: Mono) -> Result<Vec<Judged>> {
    if !timelines.iter().all(is_plainly_healthy) {
        trace.confirm_taps(now)?;
    }
    let now = trace.watched_until(now);
    let judged = timelines.into_iter().map(|t| judge(t, trace, now));
    Ok(judged.collect())
}

fn judge(timeline: Timeline, trace: &Trace, now: Mono) -> Judged {
    if is_plainly_healthy(&timeline) {
        return Judged::healthy(timeline);
    }
    let node = trace.topology().hostname.as_str();
    let throughout = trace.tap_spans().throughout(life(&timeline, now));
    let mut coverage = Coverage::of(node, throughout, lost(&timeline));
    let answer_watched = answer_watched(&timeline, &coverage);
    // A tap that would not have reported the flow watched nothing.
    let follows = trace.follows_since();
    if follows.is_none_or(|since| since > timeline.started_monotonic) {
        coverage.nodes.values_mut().for_each(|n| n.taps.clear());
    }
    let task_state = trace.task_state(&timeline);
    let verdict = diagnose(&Case {
        timeline: &timeline,
        drops: &timeline.drops,
        resets: &timeline.resets,
        coverage: &coverage,
        topology: trace.topology_when(timeline.hops.iter().map(|h| h.netns)),
        others: &[],
        task_state,
    });
    Judged {
        timeline,
        verdict,
        task_state,
        coverage: Some(coverage),
        answer_watched,
    }
}

/// Whether an answer to the flow would have been seen to leave: at the device at
/// which the flow was first seen, in the opposite direction.
pub fn answer_watched(timeline: &Timeline, coverage: &Coverage) -> bool {
    let first = timeline.hops.iter().find(|h| h.leg == Leg::Forward);
    first.is_some_and(|hop| {
        let tap = Tap {
            at: hop.at(),
            way: hop.way.opposite(),
        };
        coverage.tapped(&hop.node, tap)
    })
}
