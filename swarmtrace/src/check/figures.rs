//! Figures of some connections: times and counts.

use super::assertion::{Count, Statistic, Time};
use super::hops::{self, NoHop, Samples};
use super::observations::{Connection, Observations};
use crate::sys::clock::Nanos;

/// Why a figure does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoFigure {
    /// These connections do not pass the hop.
    Elsewhere(String),
    /// It cannot be determined.
    Unclear(String),
    /// There are too few samples.
    TooFew {
        /// The number of samples.
        got: u64,
        /// The number of samples needed.
        wanted: u64,
    },
}

/// The times of these connections, in no order, each with the start of its
/// connection.
///
/// # Errors
/// Errors if the name fits no hop of these connections, or several.
pub fn times(seen: &Observations, of: &[&Connection], what: &Time) -> Result<Samples, NoFigure> {
    let of_each = |time: fn(&Connection) -> Option<Nanos>| {
        let timed = of.iter().filter_map(|c| Some((c.started, time(c)?)));
        Ok(timed.collect())
    };
    let hops = match what {
        Time::Handshake => return of_each(|c| c.handshake),
        Time::FirstByte => return of_each(|c| c.first_byte),
        Time::Hop { name, back } => hops::hop(seen, of, name, *back),
        Time::Edge { from, to } => hops::edge(seen, of, from, to),
    };
    hops.map_err(|error| match error {
        NoHop::Unknown(why) => NoFigure::Elsewhere(why),
        NoHop::Ambiguous(why) => NoFigure::Unclear(why),
    })
}

/// One figure of many times, in nanoseconds.
///
/// # Errors
/// Errors if there are fewer than `least` times, or too few for so high a
/// percentile: the 99th of 30 times is their longest, whatever the other 70 would
/// have been.
pub fn figure(samples: &Samples, statistic: Statistic, least: u64) -> Result<f64, NoFigure> {
    let got = samples.len() as u64;
    let wanted = least.max(needed(statistic));
    if got < wanted {
        return Err(NoFigure::TooFew { got, wanted });
    }
    let mut times: Vec<u64> = samples.iter().map(|(_, took)| took.unsigned()).collect();
    times.sort_unstable();
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return Err(NoFigure::TooFew { got, wanted });
    };
    Ok(match statistic {
        Statistic::Min => *first as f64,
        Statistic::Max => *last as f64,
        Statistic::Mean => times.iter().map(|ns| *ns as f64).sum::<f64>() / times.len() as f64,
        Statistic::Percentile(percent) => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a length is neither negative nor longer"
            )]
            let rank = (percent / 100.0 * times.len() as f64).ceil() as usize;
            let index = rank.clamp(1, times.len()) - 1;
            times.get(index).map_or(*last as f64, |ns| *ns as f64)
        }
    })
}

/// The least number of times that a statistic needs.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 1 and 100,000"
)]
fn needed(statistic: Statistic) -> u64 {
    match statistic {
        // Rounded first: 100 − 99.9 is not exactly a tenth.
        Statistic::Percentile(percent) if percent >= 50.0 => {
            (1e5 / ((100.0 - percent) * 1e3).round().max(1.0)).ceil() as u64
        }
        Statistic::Percentile(percent) => (1e5 / (percent * 1e3).round().max(1.0)).ceil() as u64,
        Statistic::Min | Statistic::Max | Statistic::Mean => 1,
    }
}

/// The count over these connections. Lost events are no property of connections: 0.
pub fn count(of: &[&Connection], what: Count) -> u64 {
    let number = |is: fn(&Connection) -> bool| of.iter().filter(|c| is(c)).count() as u64;
    match what {
        Count::RstHandshake => number(|c| c.refused),
        Count::RstTotal => number(|c| c.reset),
        Count::RetransmitSyn => of.iter().map(|c| c.syn_again).sum(),
        Count::RetransmitTotal => of.iter().map(|c| c.again).sum(),
        Count::Connections => of.len() as u64,
        Count::Failed => number(|c| c.failed),
        Count::Unanswered => number(|c| c.unanswered),
        Count::Lost => 0,
    }
}
