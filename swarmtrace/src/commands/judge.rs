//! From a timeline to its verdict, with what the trace knows around it.

use super::live::Live;
use crate::diagnose::{Case, Verdict, diagnose, is_plainly_healthy};
use crate::timeline::Timeline;
use anyhow::Result;

/// What is wrong with each of these flows. `now` is when they were found to be
/// complete; which taps were in place until then is asked of the kernel, once,
/// and only if one of the flows needs it.
pub fn judge_all(
    timelines: Vec<Timeline>,
    live: &mut Live,
    now: u64,
) -> Result<Vec<(Timeline, Option<Verdict>)>> {
    if !timelines.iter().all(is_plainly_healthy) {
        live.confirm_taps(now)?;
    }
    let judged = timelines.into_iter().map(|timeline| {
        let verdict = verdict(&timeline, live, now);
        (timeline, verdict)
    });
    Ok(judged.collect())
}

fn verdict(timeline: &Timeline, live: &Live, now: u64) -> Option<Verdict> {
    if is_plainly_healthy(timeline) {
        return None;
    }
    diagnose(&Case {
        timeline,
        drops: &timeline.drops,
        resets: &timeline.resets,
        coverage: &live.covered(timeline, now),
        topology: live.topology_when(timeline.hops.iter().map(|h| h.netns)),
        others: &[],
        task_state: live.task_state(timeline),
    })
}
