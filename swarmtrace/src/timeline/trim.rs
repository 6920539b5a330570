//! A timeline without its reply leg.

use super::hop::Hop;
use super::model::{State, Timeline};
use crate::flow::{Leg, Phase};

impl Timeline {
    /// Leaves the reply leg's hops out, but for those that show why the flow
    /// ended: resets, ICMP errors, the last place of an answer that was lost, and
    /// the hop that `pointed` is the index of. Gives back that hop's new index.
    pub fn drop_reply(&mut self, pointed: Option<usize>) -> Option<usize> {
        let lost = match self.state {
            State::AnswerLost { last } => Some(last),
            _ => None,
        };
        let keeps = |(index, hop): (usize, &Hop)| {
            let why = matches!(hop.phase, Phase::Rst | Phase::IcmpError);
            hop.leg == Leg::Forward || why || [lost, pointed].contains(&Some(index))
        };
        let keep: Vec<bool> = self.hops.iter().enumerate().map(keeps).collect();
        // An index moves down by as many hops as were left out before it.
        let moved = |index: usize| keep.iter().take(index).filter(|kept| **kept).count();
        match &mut self.state {
            State::Refused { by } | State::Reset { by, .. } | State::IcmpError { by, .. } => {
                *by = moved(*by);
            }
            State::AnswerLost { last } => *last = moved(*last),
            State::Established | State::Closed | State::Unanswered => {}
        }
        self.reached = self.reached.map(moved);
        let new = pointed.map(moved);
        let mut kept = keep.iter();
        self.hops.retain(|_| kept.next().copied().unwrap_or(true));
        new
    }
}
