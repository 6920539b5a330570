//! Comparison of a run with a baseline.
//!
//! Every backend's handshake, first byte and edges are compared with the
//! baseline's by the tests that [`statistics`](super::statistics) explains.
//! A measure is slower if all of this is so: its times are longer by their ranks; its
//! median or 90th percentile is longer by more than the tolerance, and by more
//! than another run of the baseline would be; and, for an edge, what it costs is
//! a quarter of the tolerance of the whole handshake. An edge of 5 µs that takes
//! 7 is 40 % slower and does not matter.

use super::measures::{Key, Measures, of_run};
use super::statistics::{LEVEL, Prediction, RUNS, Ranks, holm, predict, ranks};
use super::times::{Counts, Times, merged, quantile};
use crate::recording::{Baseline, Comparison, Figures, Outcome};
use crate::sys::clock::Nanos;
use crate::timeline::Measure;
use std::collections::{BTreeMap, BTreeSet};

/// The quantiles that are compared: the median, and the beginning of the tail.
const LOOKED_AT: [f64; 2] = [0.5, 0.9];
/// The part of the tolerance that an edge must cost the whole handshake.
const SHARE: f64 = 0.25;
/// A baseline whose further runs may differ by more than this factor says
/// nothing.
const TOO_NOISY: f64 = 2.0;

fn figures(counts: &Counts) -> Figures {
    Figures {
        count: counts.iter().map(|(_, count)| count).sum(),
        p50_ns: Nanos::from_unsigned(quantile(counts, 0.5)),
        p90_ns: Nanos::from_unsigned(quantile(counts, 0.9)),
        p99_ns: Nanos::from_unsigned(quantile(counts, 0.99)),
    }
}

/// When a change counts.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Relative changes up to this do not count: 0.1 is 10 %.
    pub tolerance: f64,
    /// The least number of times on each side.
    pub least: u64,
}

/// Compares every measure that is in the baseline or in this run.
pub fn compare(baseline: &Baseline, now: &Measures, rules: Rules) -> Vec<Comparison> {
    let mut before: BTreeMap<Key, Vec<Times>> = BTreeMap::new();
    for run in &baseline.runs {
        // Broken ones are refused when the baseline is read.
        for (key, times) in of_run(run).unwrap_or_default() {
            before.entry(key).or_default().push(times);
        }
    }
    let keys: BTreeSet<&Key> = before.keys().chain(now.keys()).collect();
    let mut all: Vec<(Comparison, Option<Tested>)> = (keys.into_iter())
        .map(|key| one(key, &before, now, rules))
        .collect();
    let chances = |pick: fn(&Ranks) -> f64| -> Vec<f64> {
        let tested = all.iter().filter_map(|(_, tested)| tested.as_ref());
        holm(&tested.map(|tested| pick(&tested.ranks)).collect::<Vec<_>>())
    };
    let mut slower = chances(|ranks| ranks.p_slower).into_iter();
    let mut faster = chances(|ranks| ranks.p_faster).into_iter();
    for (compared, tested) in &mut all {
        let Some(tested) = tested else { continue };
        let (p, p_faster) = (slower.next().unwrap_or(1.0), faster.next().unwrap_or(1.0));
        conclude(compared, tested, p, p_faster);
    }
    all.into_iter().map(|(compared, _)| compared).collect()
}

/// The rank-sum test's result, and how much each quantile changed.
struct Tested {
    ranks: Ranks,
    changes: Vec<Change>,
    doubtful: bool,
}

struct Change {
    /// Logarithm of the ratio.
    log: f64,
    ns: Nanos,
    slower: bool,
    faster: bool,
}

fn one(
    key: &Key,
    before: &BTreeMap<Key, Vec<Times>>,
    now: &Measures,
    rules: Rules,
) -> (Comparison, Option<Tested>) {
    let (runs, times) = (before.get(key), now.get(key));
    let mut compared = Comparison {
        service: key.service.clone(),
        backend: key.backend.clone(),
        measure: key.measure(),
        before: runs.map(|runs| figures(&merged(runs.iter().flat_map(|r| &r.stretches)))),
        now: times.map(|times| figures(&times.whole())),
        change: None,
        change_ns: None,
        noise: None,
        p: None,
        outcome: Outcome::Skipped,
        faster: false,
        why: None,
    };
    let is_edge = matches!(compared.measure, Measure::Edge { .. });
    let missing = if is_edge {
        Outcome::Skipped
    } else {
        Outcome::Unmeasured
    };
    let (runs, times) = match (runs, times) {
        (Some(runs), Some(times)) => (runs, times),
        (None, _) => {
            compared.why = Some("not in the baseline".to_owned());
            return (compared, None);
        }
        (_, None) => {
            compared.outcome = missing;
            compared.why = Some("in the baseline, but not in this run".to_owned());
            return (compared, None);
        }
    };
    let enough: Vec<&Times> = runs.iter().filter(|run| run.len() >= rules.least).collect();
    let old: Vec<Counts> = enough
        .iter()
        .flat_map(|run| run.stretches.clone())
        .collect();
    let tested = ranks(&old, &times.stretches).filter(|_| times.len() >= rules.least);
    let Some(ranks) = tested else {
        let (had, got) = (runs.iter().map(Times::len).max().unwrap_or(0), times.len());
        compared.outcome = missing;
        compared.why = Some(format!(
            "too few samples: {had} in the baseline's largest run and {got} now, and it takes {}",
            rules.least.max(20)
        ));
        return (compared, None);
    };
    let floor = if is_edge {
        share(key, before, rules)
    } else {
        0.0
    };
    let whole = times.whole();
    let mut changes = Vec::new();
    for q in LOOKED_AT {
        let Some(prediction) = predicted(&enough, &old, q) else {
            continue;
        };
        if compared.noise.is_none() {
            compared.noise = Some(prediction.margin.exp() - 1.0);
        }
        changes.push(change(
            quantile(&whole, q),
            prediction,
            rules.tolerance,
            floor,
        ));
    }
    let noisy = compared.noise.is_none_or(|noise| noise > TOO_NOISY - 1.0);
    let leads = match compared.measure {
        Measure::Handshake => true,
        Measure::FirstByte => !before.contains_key(&key.handshake()),
        Measure::Edge { .. } => false,
    };
    let tested = Tested {
        ranks,
        changes,
        doubtful: noisy && leads,
    };
    (compared, Some(tested))
}

/// The least change of an edge that counts, in nanoseconds.
fn share(key: &Key, before: &BTreeMap<Key, Vec<Times>>, rules: Rules) -> f64 {
    let handshake = before.get(&key.handshake()).map_or(0, |runs| {
        quantile(&merged(runs.iter().flat_map(|r| &r.stretches)), 0.5)
    });
    rules.tolerance * SHARE * handshake as f64
}

/// The quantile to expect of one more run, from the baseline's runs or, where
/// they are too few, from their stretches.
fn predicted(runs: &[&Times], stretches: &[Counts], q: f64) -> Option<Prediction> {
    let figures: Vec<u64> = if runs.len() >= RUNS {
        runs.iter().map(|run| quantile(&run.whole(), q)).collect()
    } else {
        stretches
            .iter()
            .map(|stretch| quantile(stretch, q))
            .collect()
    };
    predict(&figures)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from a float saturates, and no latency takes centuries"
)]
fn change(now: u64, prediction: Prediction, tolerance: f64, floor: f64) -> Change {
    let before = prediction.middle.exp();
    let log = (now.max(1) as f64).ln() - prediction.middle;
    let ns = now as f64 - before;
    let needed = tolerance.ln_1p().max(prediction.margin);
    Change {
        log,
        ns: Nanos::new(ns.round() as i64),
        slower: log > needed && ns > floor,
        faster: -log > needed && -ns > floor,
    }
}

fn conclude(compared: &mut Comparison, tested: &Tested, p: f64, p_faster: f64) {
    compared.p = Some(p);
    let slower = tested
        .changes
        .iter()
        .find(|change| change.slower && p < LEVEL);
    let faster = tested
        .changes
        .iter()
        .find(|change| change.faster && p_faster < LEVEL);
    if let Some(change) = slower.or(faster).or(tested.changes.first()) {
        compared.change = Some(change.log.exp() - 1.0);
        compared.change_ns = Some(change.ns);
    }
    compared.faster = slower.is_none() && faster.is_some();
    compared.outcome = if slower.is_some() {
        Outcome::Regression
    } else if tested.doubtful {
        compared.why = Some(
            "the baseline's runs differ so much that a doubling would not show; \
             more and longer runs may help"
                .to_owned(),
        );
        Outcome::Unmeasured
    } else {
        Outcome::Pass
    };
}
