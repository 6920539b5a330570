//! What got slower, over all backends.

use crate::recording::{Comparison, Outcome, Slower};
use crate::timeline::Measure;
use std::cmp::Reverse;

/// The measures that got slower: edges before the sums that they are part of, the
/// largest change first.
pub fn slower(comparisons: &[Comparison]) -> Vec<Slower> {
    let mut all: Vec<Slower> = Vec::new();
    let worse = comparisons
        .iter()
        .filter(|c| c.outcome == Outcome::Regression);
    for compared in worse {
        let (change, ns) = (
            compared.change.unwrap_or_default(),
            compared.change_ns.unwrap_or_default(),
        );
        match all
            .iter_mut()
            .find(|slower| slower.measure == compared.measure)
        {
            Some(known) => {
                known.backends.push(compared.backend.clone());
                if ns > known.change_ns {
                    (known.change, known.change_ns) = (change, ns);
                }
            }
            None => all.push(Slower {
                measure: compared.measure.clone(),
                backends: vec![compared.backend.clone()],
                change,
                change_ns: ns,
            }),
        }
    }
    all.sort_by_key(|slower| {
        let is_edge = matches!(slower.measure, Measure::Edge { .. });
        (!is_edge, Reverse(slower.change_ns))
    });
    all
}
