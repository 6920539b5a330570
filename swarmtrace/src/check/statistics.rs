//! The statistics that tell a change from noise.
//!
//! Three questions, all of which a slowdown must answer with yes:
//!
//! 1. *Are these times longer?* The rank-sum test (Mann–Whitney), on the whole
//!    histograms: latencies have long tails and no known distribution, and ranks
//!    need none. Equal times count half, which the variance allows for. Times
//!    of one stretch of a run are alike (they met the same busy moment), so the
//!    variance is that of clustered data (Obuchowski 1997) with stretches for
//!    clusters, and never less than the plain test's; Student's t with as many
//!    degrees of freedom as there are stretches to learn from (Welch and
//!    Satterthwaite) stands in for the normal distribution.
//! 2. *Even though so many edges were looked at?* Holm's correction over all
//!    that are compared keeps the chance of one false finding at the level of
//!    one test, whatever depends on what: neighbouring edges do.
//! 3. *More than runs differ anyway?* With thousands of times the first test finds
//!    a difference between any two runs, for any two runs do differ: another
//!    core, another neighbour on the machine. So the median (or the 90th
//!    percentile) must lie above what another run of the baseline would show:
//!    the one-sided prediction interval of Student's t around the logarithms of
//!    the baseline's runs. That needs three runs or more; with fewer the
//!    stretches stand in for runs, which vary more than whole runs do where
//!    nothing drifts, and is the best that can be said of one run.

use super::times::{Counts, merged};
use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// The chance of a false finding over all that is compared, by the ranks.
pub const LEVEL: f64 = 0.01;
/// The chance that a further run of the baseline lies outside the prediction.
const OUTSIDE: f64 = 0.001;
/// Runs from which their spread is learnt; with fewer the stretches'.
pub const RUNS: usize = 3;
/// Logarithms of times are known no better than this: the histograms' digits.
const RESOLUTION: f64 = 0.002;

/// How two sets of times compare by their ranks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranks {
    /// The chance that a new time is longer than an old one; equals count half.
    pub longer: f64,
    /// How likely so long times are by chance.
    pub p_slower: f64,
    /// How likely so short times are by chance.
    pub p_faster: f64,
}

/// Compares old stretches with new ones; `None` with fewer than two of either.
pub fn ranks(old: &[Counts], new: &[Counts]) -> Option<Ranks> {
    let (all_old, all_new) = (merged(old), merged(new));
    let (m, n) = (total(&all_old), total(&all_new));
    if old.len() < 2 || new.len() < 2 || m < 2.0 || n < 2.0 {
        return None;
    }
    // Of an old time: which part of the new ones is longer. Of a new one: which
    // part of the old ones is shorter.
    let (in_old, in_new) = (Cumulated::new(&all_old), Cumulated::new(&all_new));
    let longer_than = |value: u64| 1.0 - in_new.rank(value) / n;
    let longer = sum(&all_old, longer_than) / m;
    let of_old = clustered(old, longer, m, longer_than);
    let of_new = clustered(new, longer, n, |value| in_old.rank(value) / m);
    let ties: f64 = (merged([&all_old, &all_new]).iter())
        .map(|(_, count)| (*count as f64).powi(3) - *count as f64)
        .sum();
    let size = m + n;
    let plain = ((size + 1.0) - ties / (size * (size - 1.0))) / (12.0 * m * n);
    let variance = (of_old + of_new).max(plain);
    if variance <= 0.0 {
        // All times are equal.
        let p = 0.5;
        return Some(Ranks {
            longer,
            p_slower: p,
            p_faster: p,
        });
    }
    let (i, j) = (old.len() as f64 - 1.0, new.len() as f64 - 1.0);
    let weight = of_old.powi(2) / i + of_new.powi(2) / j;
    let freedom = if weight > 0.0 {
        ((of_old + of_new).powi(2) / weight).max(i.min(j))
    } else {
        i.min(j)
    };
    let student = StudentsT::new(0.0, 1.0, freedom.max(1.0)).ok()?;
    let t = (longer - 0.5) / variance.sqrt();
    Some(Ranks {
        longer,
        p_slower: student.sf(t),
        p_faster: student.cdf(t),
    })
}

fn total(counts: &Counts) -> f64 {
    counts.iter().map(|(_, count)| *count as f64).sum()
}

fn sum(counts: &Counts, of: impl Fn(u64) -> f64) -> f64 {
    counts
        .iter()
        .map(|(value, count)| of(*value) * *count as f64)
        .sum()
}

/// The variance of the mean of `of` over clusters.
fn clustered(clusters: &[Counts], mean: f64, size: f64, of: impl Fn(u64) -> f64) -> f64 {
    let number = clusters.len() as f64;
    let squares: f64 = (clusters.iter())
        .map(|cluster| (sum(cluster, &of) - total(cluster) * mean).powi(2))
        .sum();
    number / (number - 1.0) * squares / size.powi(2)
}

/// How many of some times are shorter than a given one.
struct Cumulated(Vec<(u64, f64, f64)>);

impl Cumulated {
    fn new(counts: &Counts) -> Self {
        let mut before = 0.0;
        let step = |(value, count): &(u64, u64)| {
            let at = before;
            before += *count as f64;
            (*value, at, *count as f64)
        };
        Self(counts.iter().map(step).collect())
    }

    /// Those that are shorter, and half of those that are equal.
    fn rank(&self, value: u64) -> f64 {
        let next = self.0.partition_point(|(other, ..)| *other < value);
        match self.0.get(next) {
            Some((other, before, count)) if *other == value => before + count / 2.0,
            Some((_, before, _)) => *before,
            None => self
                .0
                .last()
                .map_or(0.0, |(_, before, count)| before + count),
        }
    }
}

/// Holm's correction: each chance raised for how many were looked at.
pub fn holm(chances: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    let at = |index: usize| chances.get(index).copied().unwrap_or(1.0);
    order.sort_by(|a, b| at(*a).total_cmp(&at(*b)));
    let mut raised = vec![1.0; chances.len()];
    let mut highest = 0.0_f64;
    for (rank, index) in order.iter().enumerate() {
        highest = highest
            .max(at(*index) * (chances.len() - rank) as f64)
            .min(1.0);
        if let Some(point) = raised.get_mut(*index) {
            *point = highest;
        }
    }
    raised
}

/// What another run would show, by the logarithms of what some runs showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Its middle.
    pub middle: f64,
    /// How far above or below it a further run rarely lies.
    pub margin: f64,
}

/// Predicts from at least two figures, which must be positive.
pub fn predict(figures: &[u64]) -> Option<Prediction> {
    let logs: Vec<f64> = figures.iter().map(|ns| (*ns.max(&1) as f64).ln()).collect();
    let number = logs.len() as f64;
    if logs.len() < 2 {
        return None;
    }
    let middle = logs.iter().sum::<f64>() / number;
    let squares: f64 = logs.iter().map(|log| (log - middle).powi(2)).sum();
    let deviation = (squares / (number - 1.0)).sqrt().max(RESOLUTION);
    let student = StudentsT::new(0.0, 1.0, number - 1.0).ok()?;
    let margin = student.inverse_cdf(1.0 - OUTSIDE) * deviation * (1.0 + 1.0 / number).sqrt();
    Some(Prediction { middle, margin })
}
