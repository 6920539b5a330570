//! A flow that failed in a way no rule explains: what is known, and what would
//! have to be known.

use super::Rule;
use crate::diagnose::case::Case;
use crate::diagnose::path::Next;
use crate::diagnose::verdict::{Certainty, Verdict, events, expected, seen};
use crate::timeline::{Gap, State};

pub(super) const RULE: Rule = Rule {
    id: "unknown",
    title: "It failed, and what was seen does not say why",
    symptom: "Any.",
    cause: "Not known.",
    needs: "Unknown: the flow failed and no rule applies. The last hop is where to look next.",
    fix: "Watch the hop that ought to have followed, on both nodes and without loss (fewer \
          flows at a time), and run `swarmtrace doctor`.",
    references: &[],
    fallback: true,
    judge,
};

fn judge(case: &Case<'_>) -> Option<Verdict> {
    let stop = case.stop();
    if !case.failing() && stop.is_none() {
        return None;
    }
    let mut verdict = match (&stop, case.timeline.state.clone()) {
        (Some(stop), State::Unanswered | State::AnswerLost { .. } | State::Established) => {
            Verdict::stopped(&RULE, Certainty::Unknown, case, stop)
        }
        (_, State::Refused { by } | State::Reset { by, .. } | State::IcmpError { by, .. }) => {
            let verdict = Verdict::new(&RULE, Certainty::Unknown, case, by);
            let line = case
                .hop(by)
                .map(|h| format!("first seen: {}", seen(case, h)));
            verdict.because_of(line)
        }
        _ => {
            let last = case.timeline.hops.len().saturating_sub(1);
            Verdict::new(&RULE, Certainty::Unknown, case, last)
        }
    };
    let lost = case.coverage.lost();
    if lost > 0 && !verdict.evidence.iter().any(|line| line.contains("lost")) {
        verdict = verdict.because(format!("{} lost while it lived", events(lost)));
    }
    if case.timeline.gaps.contains(&Gap::StartNotSeen) {
        verdict = verdict.because("its start was not seen");
    }
    let unwatched = stop.as_ref().and_then(|s| match &s.next {
        Next::Hop(next) if !next.tapped(case) => Some(expected(case, next)),
        _ => None,
    });
    let unwatched =
        unwatched.map(|place| format!("what ought to follow, {place}, was not watched"));
    let verdict = verdict.because_of(unwatched);
    Some(verdict.confirm("swarmtrace doctor"))
}
