//! Whether a flow failed at all, asked of its timeline alone.

use crate::timeline::{Gap, Hop, Place, State, Timeline};

/// Whether no rule can have a verdict: the flow was answered, nothing was sent
/// twice, and it went further than the node's own interface. Nearly every flow
/// of a node is such, so this asks nothing of the topology or the coverage.
pub fn is_plainly_healthy(timeline: &Timeline) -> bool {
    let beyond = |h: &Hop| h.place != Place::Host;
    !is_failing(timeline) && timeline.retransmissions == 0 && timeline.hops.iter().any(beyond)
}

/// Whether the flow failed.
pub fn is_failing(timeline: &Timeline) -> bool {
    !matches!(timeline.state, State::Established | State::Closed)
}

/// Whether the only sign of a failure is a packet that was not seen.
pub fn is_silent(timeline: &Timeline) -> bool {
    let silent = matches!(
        timeline.state,
        State::Unanswered | State::AnswerLost { .. } | State::Established | State::Closed
    );
    silent && timeline.retransmissions == 0
}

/// Whether events were lost while the flow lived.
pub fn missed_events(timeline: &Timeline) -> bool {
    let lost = |gap: &Gap| matches!(gap, Gap::EventsLost { count } if *count > 0);
    timeline.gaps.iter().any(lost)
}
