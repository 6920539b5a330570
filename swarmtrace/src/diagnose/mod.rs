//! What went wrong with a flow, where, and on what evidence.
//!
//! [`diagnose`] asks every rule of one table ([`RULES`]) about a [`Case`] and
//! returns the surest verdict, or none for a flow that works. A rule is a pure
//! function of the case, so the same recording gives the same verdict.
//!
//! Three things show where a packet stopped: a drop that the kernel reports, the
//! place where a reset or ICMP error was first seen, and a hop that had to follow,
//! was watched without a loss, and saw nothing. They do not show why: many causes
//! leave the same packets. A verdict is proven by state that was read, which it
//! quotes ([`Proof`](crate::failure::Proof)); without it, it is at most likely.

mod case;
mod confirm;
mod dialled;
mod guess;
mod health;
mod path;
mod questions;
mod rule;
mod rules;
mod stop;
mod verdict;
mod words;

#[cfg(test)]
mod tests;

pub use case::{Case, Coverage, NodeCoverage, PacketDrop, ResetSent, Tap, TaskActivity};
pub use health::{is_failing, is_plainly_healthy, is_silent, missed_events};
pub use rule::Rule;
pub use rules::RULES;

pub use crate::failure::{Certainty, Diagnosis, PathPosition};

/// What is wrong with the flow; `None` if nothing is.
pub fn diagnose(case: &Case<'_>) -> Option<Diagnosis> {
    verdicts(case).into_iter().next()
}

/// Every verdict that the case supports, the surest first; among equally sure
/// ones the table's order decides. Where no rule knows the cause, the first
/// fallback rule that applies.
pub fn verdicts(case: &Case<'_>) -> Vec<Diagnosis> {
    if is_plainly_healthy(case.timeline) || may_be_unseen(case) {
        return Vec::new();
    }
    let judged = |fallback: bool| {
        let rules = RULES.iter().filter(move |r| r.fallback == fallback);
        rules.filter_map(|r| (r.judge)(case))
    };
    let mut known: Vec<Diagnosis> = judged(false).collect();
    if known.is_empty() {
        return judged(true).take(1).collect();
    }
    known.sort_by_key(|v| std::cmp::Reverse(v.certainty()));
    known
}

/// Whether the only sign of a failure is a packet that was not seen, while
/// events were lost: a lost answer looks like none. A client that got none sends
/// again, and then the flow is judged.
fn may_be_unseen(case: &Case<'_>) -> bool {
    let lost = case.coverage.lost() > 0 || missed_events(case.timeline);
    lost && is_silent(case.timeline) && case.drops.is_empty() && case.resets.is_empty()
}
