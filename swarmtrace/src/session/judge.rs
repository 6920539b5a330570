//! From a timeline to its verdict, with what the trace knows around it.

use super::coverage::{life, lost};
use super::trace::Trace;
use crate::diagnose::{Case, Coverage, Tap, TaskActivity, Verdict, diagnose, is_plainly_healthy};
use crate::timeline::{Leg, Timeline, Way};
use anyhow::Result;

/// A timeline and what is known of its flow.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The timeline.
    pub timeline: Timeline,
    /// What went wrong, if anything did.
    pub verdict: Option<Verdict>,
    /// What the task was doing when it failed, where it did.
    pub task_state: Option<TaskActivity>,
    /// Whether an answer to where the flow came from would have been seen.
    pub answer_watched: bool,
}

/// What is wrong with each of these flows. `now` is when they were found to be
/// complete; which taps were in place until then is asked of the kernel, once,
/// and only if one of the flows needs it.
pub fn judge_all(timelines: Vec<Timeline>, trace: &mut Trace, now: u64) -> Result<Vec<Judged>> {
    if !timelines.iter().all(is_plainly_healthy) {
        trace.confirm_taps(now)?;
    }
    let now = trace.watched_until(now);
    let judged = timelines.into_iter().map(|t| judge(t, trace, now));
    Ok(judged.collect())
}

fn judge(timeline: Timeline, trace: &Trace, now: u64) -> Judged {
    if is_plainly_healthy(&timeline) {
        return Judged {
            timeline,
            verdict: None,
            task_state: None,
            answer_watched: true,
        };
    }
    let node = trace.topology().hostname.as_str();
    let taps: Vec<Tap> = trace.tap_spans().taps(life(&timeline, now)).collect();
    let answer_watched = answer(&timeline).is_some_and(|tap| taps.contains(&tap));
    // A tap that would not have reported the flow watched nothing.
    let taps = taps.into_iter();
    let follows = trace.follows_since();
    let follows = follows.is_some_and(|since| since <= timeline.started_monotonic.ns());
    let taps = taps.filter(|_| follows);
    let task_state = trace.task_state(&timeline);
    let verdict = diagnose(&Case {
        timeline: &timeline,
        drops: &timeline.drops,
        resets: &timeline.resets,
        coverage: &Coverage::of(node, taps, lost(&timeline)),
        topology: trace.topology_when(timeline.hops.iter().map(|h| h.netns)),
        others: &[],
        task_state,
    });
    Judged {
        timeline,
        verdict,
        task_state,
        answer_watched,
    }
}

/// Where an answer to the flow would have been seen last: the device at which the
/// flow was first seen, the way back.
fn answer(timeline: &Timeline) -> Option<Tap> {
    let hop = timeline.hops.iter().find(|h| h.leg == Leg::Forward)?;
    Some(Tap {
        netns: hop.netns,
        ifindex: hop.ifindex,
        way: match hop.way {
            Way::In => Way::Out,
            Way::Out => Way::In,
        },
    })
}
