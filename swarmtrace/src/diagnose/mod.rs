//! What went wrong with a flow, where, and on what evidence.
//!
//! [`diagnose`] asks every rule of one table about a [`Case`] and gives back
//! the surest verdict, or none for a flow that works. A rule is a pure
//! function of the case, so the same recording gives the same verdict, and
//! the table is also the source of the user's catalogue
//! ([`catalogue`]).
//!
//! What counts as evidence: a drop that the kernel reports, the birthplace of
//! a reset or ICMP error, or a hop that had to follow, was watched, and saw
//! nothing while no event was lost. Where that is not given, a verdict is at
//! most likely, and says what is not known.

mod case;
mod catalogue;
mod confirm;
mod entry;
mod guess;
mod path;
mod reading;
mod rules;
mod scenarios;
mod stop;
mod verdict;

#[cfg(test)]
mod tests;

pub use case::{Case, Coverage, NodeCoverage, PacketDrop, ResetSent, Tap, TaskActivity};
pub use catalogue::catalogue;
pub use entry::{Kind, kind};
pub use path::{Expected, ExpectedDevice, Next, next};
pub use rules::{INDISTINCT, Indistinct, RULES, Rule};
pub use verdict::{Certainty, Site, Verdict};

use crate::timeline::{Gap, Hop, Place, State, Timeline};

/// What is wrong with the flow; `None` if nothing is.
pub fn diagnose(case: &Case<'_>) -> Option<Verdict> {
    verdicts(case).into_iter().next()
}

/// Every verdict that the case supports, the surest first; among equally sure
/// ones the table's order decides. Where no rule of a known failure speaks, the
/// first that describes an unknown one does.
pub fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    if is_plainly_healthy(case.timeline) || may_be_unseen(case) {
        return Vec::new();
    }
    let judged = |fallback: bool| {
        let rules = RULES.iter().filter(move |r| r.fallback == fallback);
        rules.filter_map(|r| (r.judge)(case))
    };
    let mut known: Vec<Verdict> = judged(false).collect();
    if known.is_empty() {
        return judged(true).take(1).collect();
    }
    known.sort_by_key(|v| std::cmp::Reverse(v.certainty));
    known
}

/// Whether no rule can have anything to say: the flow was answered, nothing was
/// sent twice, and it went further than the node's own interface. Nearly every
/// flow of a node is such, so this asks nothing of the topology or the coverage.
pub fn is_plainly_healthy(timeline: &Timeline) -> bool {
    let beyond = |h: &Hop| h.place != Place::Host;
    !is_failing(timeline) && timeline.retransmissions == 0 && timeline.hops.iter().any(beyond)
}

/// Whether all that speaks against the flow is what was not seen, while events were
/// lost: an answer that was lost looks like none. A client that did not get one
/// sends again, and then the flow is looked at after all.
fn may_be_unseen(case: &Case<'_>) -> bool {
    let lost = case.coverage.lost() > 0 || missed_events(case.timeline);
    lost && is_silent(case.timeline) && case.drops.is_empty() && case.resets.is_empty()
}

/// Whether events were lost while it lived.
pub fn missed_events(timeline: &Timeline) -> bool {
    let lost = |gap: &Gap| matches!(gap, Gap::EventsLost { count } if *count > 0);
    timeline.gaps.iter().any(lost)
}

/// Whether nothing was seen of a failure but that something did not come.
pub fn is_silent(timeline: &Timeline) -> bool {
    let silent = matches!(
        timeline.state,
        State::Unanswered | State::AnswerLost { .. } | State::Established | State::Closed
    );
    silent && timeline.retransmissions == 0
}

/// Whether the flow failed.
pub fn is_failing(timeline: &Timeline) -> bool {
    !matches!(timeline.state, State::Established | State::Closed)
}
