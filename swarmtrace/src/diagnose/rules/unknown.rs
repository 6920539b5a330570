//! A flow that failed in a way that no rule explains: what is known, and what
//! was not watched.

use crate::diagnose::case::Case;
use crate::diagnose::path::Next;
use crate::diagnose::verdict::{at_hop, at_stop};
use crate::diagnose::words::{events, expected, seen};
use crate::failure::{Assurance, Diagnosis, UNKNOWN};
use crate::timeline::{Gap, State};

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.stop();
    if !case.failing() && stop.is_none() {
        return None;
    }
    let mut verdict = match (&stop, case.timeline.state.clone()) {
        (Some(stop), State::Unanswered | State::AnswerLost { .. } | State::Established) => {
            at_stop(&UNKNOWN, Assurance::Unknown, case, stop)
        }
        (_, State::Refused { by } | State::Reset { by, .. } | State::IcmpError { by, .. }) => {
            let verdict = at_hop(&UNKNOWN, Assurance::Unknown, case, by);
            let line = case
                .hop(by)
                .map(|h| format!("first seen: {}", seen(case, h)));
            verdict.because_of(line)
        }
        _ => {
            let last = case.timeline.hops.len().saturating_sub(1);
            at_hop(&UNKNOWN, Assurance::Unknown, case, last)
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
    let unwatched = unwatched.map(|place| format!("what should follow, {place}, was not watched"));
    let verdict = verdict.because_of(unwatched);
    Some(verdict.confirm("swarmtrace doctor"))
}
