//! Verdicts: a diagnosis of a flow, with its hop and the evidence at it.

use super::case::Case;
use super::path::{Expected, Next};
use super::stop::Stop;
use super::words::{dropped, events, expected, place, place_of, seen};
use crate::failure::{Assurance, Diagnosis, Failure, PathPosition};

/// A verdict at hop number `index`; its evidence is what was read.
pub fn at_hop(
    failure: &Failure,
    assurance: impl Into<Assurance>,
    case: &Case<'_>,
    index: usize,
) -> Diagnosis {
    let mut verdict = Diagnosis::new(failure, assurance);
    verdict.hop = case.hop(index).map(|hop| PathPosition {
        index,
        node: hop.node.to_string(),
        place: place(hop),
    });
    verdict
}

/// A verdict where a packet stopped, with that as evidence before what was read.
pub fn at_stop(
    failure: &Failure,
    assurance: impl Into<Assurance>,
    case: &Case<'_>,
    stop: &Stop<'_>,
) -> Diagnosis {
    let mut verdict = at_hop(failure, assurance, case, stop.last);
    if let (Some(position), Some(next)) = (&mut verdict.hop, stop.expected()) {
        let after = place_of(next);
        position.place = if next.node == position.node {
            format!("between {} and {after}", place(stop.hop))
        } else {
            format!("between {} and {} {after}", place(stop.hop), next.node)
        };
    }
    verdict.evidence.splice(0..0, stop_evidence(case, stop));
    verdict
}

/// The last hop, and the drop there or the hop that did not follow.
fn stop_evidence(case: &Case<'_>, stop: &Stop<'_>) -> Vec<String> {
    let sent = match case.attempts(stop.hop.leg, stop.hop.phase) {
        0 | 1 => String::new(),
        times => format!(" (sent {times} times)"),
    };
    let mut lines = vec![format!("last seen: {}{sent}", seen(case, stop.hop))];
    match (&stop.next, stop.drop) {
        (_, Some(drop)) => lines.push(dropped(drop)),
        (Next::Hop(next), None) => {
            let place = expected(case, next);
            let worth = if stop.silent {
                ", which was watched; no event was lost".to_owned()
            } else {
                doubt(case, next)
            };
            lines.push(format!("not seen at {place}{worth}"));
        }
        _ => {}
    }
    lines
}

/// Why not having seen a hop proves nothing.
fn doubt(case: &Case<'_>, next: &Expected) -> String {
    match case.coverage.lost() {
        0 if !next.tapped(case) => ", but that was not watched".to_owned(),
        0 if case.complete() => ", where it may not have been recognised".to_owned(),
        0 => ", but the flow was not seen whole".to_owned(),
        lost => format!(", but {} lost", events(lost)),
    }
}
