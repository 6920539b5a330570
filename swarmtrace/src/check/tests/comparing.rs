//! Comparisons of made-up runs: what is found, what is not, what is named.

use super::{Dice, connections, record, samples, timelines_of};
use crate::check::compare::{Rules, compare};
use crate::check::measures::{Measures, measures, with_measures};
use crate::check::statistics::{holm, predict, ranks};
use crate::check::times::Times;
use crate::check::{baseline, slower};
use crate::recording::{Baseline, BaselineRun, Comparison, Outcome};
use crate::synthetic::{Ending, Route};
use crate::sys::clock::Nanos;
use crate::timeline::{Leg, Measure, Timeline};
use proptest::prelude::*;

const RULES: Rules = Rules {
    tolerance: 0.1,
    least: 30,
};

/// The hop that tests make slower.
const HOP: &str = "ingress veth(ingress_sbox)";

/// Real paths with times like those of a real machine: a long tail, busy moments
/// that last for some connections, and runs that differ by some per cent. `delay`
/// is added to the way into [`HOP`], of which it is half of the whole.
fn run(seed: u64, delay: f64) -> Vec<Timeline> {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let whole_run = 1.0 + 0.06 * (dice.roll() - 0.5);
    let mut moment = 1.0;
    let both = [Route::MeshLocal, Route::MeshRemote];
    let mixed: Vec<_> = (both.into_iter().zip([0, 1000]))
        .flat_map(|(route, seed)| connections(route, Ending::Closed, 100, seed))
        .collect();
    let mut timelines = timelines_of(&mixed);
    timelines.sort_by_key(|t| t.started);
    for (index, timeline) in timelines.iter_mut().enumerate() {
        if index % 9 == 0 {
            moment = 1.0 + 0.3 * dice.roll().powi(3);
        }
        stretch(timeline, &mut dice, whole_run * moment, delay);
    }
    timelines
}

fn stretch(timeline: &mut Timeline, dice: &mut Dice, factor: f64, delay: f64) {
    let (mut before, mut shifted, mut handshake) = (0_i64, 0_i64, 0_i64);
    for index in 0..timeline.hops.len() {
        let hop = &timeline.hops[index];
        let first = index == 0 || hop.proof == crate::timeline::Proof::First;
        let mut took = (hop.offset_ns.get() - before) as f64;
        before = hop.offset_ns.get();
        if !first {
            took *= factor * dice.factor();
            if &*hop.role == HOP && hop.leg == Leg::Forward {
                took += 500_000.0 * (1.0 + delay) * (0.98 + 0.04 * dice.roll());
            }
        }
        shifted += took as i64;
        let syn = matches!(
            hop.phase,
            crate::timeline::Phase::Syn | crate::timeline::Phase::SynAck
        );
        timeline.hops[index].offset_ns = Nanos::new(shifted);
        if syn {
            handshake = shifted;
        }
    }
    timeline.handshake_ns = timeline.handshake_ns.map(|_| Nanos::new(handshake).abs());
}

fn of_runs(runs: std::ops::Range<u64>) -> Baseline {
    let run = |seed| with_measures(BaselineRun::default(), &measures(&record(&run(seed, 0.0))));
    baseline::of(runs.map(run).collect())
}

fn compared(baseline: &Baseline, seed: u64, delay: f64) -> Vec<Comparison> {
    compare(baseline, &measures(&record(&run(seed, delay))), RULES)
}

fn worse(all: &[Comparison]) -> usize {
    all.iter()
        .filter(|c| c.outcome == Outcome::Regression)
        .count()
}

#[test]
fn a_hop_a_fifth_slower_is_found_and_named() {
    for baseline in [of_runs(0..6), of_runs(0..1)] {
        let all = compared(&baseline, 100, 0.2);
        let slower = slower(&all);
        let first = slower.first().expect("something is slower");
        let Measure::Edge { from, to, leg, .. } = &first.measure else {
            panic!("{first:?} first");
        };
        assert_eq!(from, "ingress_sbox nic(ingress) out");
        assert_eq!(
            (to.as_str(), *leg),
            ("ingress veth(ingress_sbox) in", Leg::Forward)
        );
        assert_eq!(first.backends, ["vote.1", "vote.2"]);
        assert!((0.15..0.25).contains(&first.change), "{first:?}");
        let edges = slower
            .iter()
            .filter(|s| matches!(s.measure, Measure::Edge { .. }));
        assert_eq!(edges.count(), 1, "no other hop: {slower:?}");
        let handshakes = all.iter().filter(|c| c.measure == Measure::Handshake);
        assert!(
            handshakes.clone().all(|c| c.outcome == Outcome::Regression),
            "{slower:?}"
        );
        assert_eq!(handshakes.count(), 2);
    }
}

#[test]
fn nothing_is_found_where_nothing_changed() {
    let (many, one) = (of_runs(0..6), of_runs(0..1));
    for seed in 100..140 {
        let now = measures(&record(&run(seed, 0.0)));
        for baseline in [&many, &one] {
            let all = compare(baseline, &now, RULES);
            let tested = all.iter().filter(|c| c.p.is_some()).count();
            assert!(tested > 20, "{tested} of {} compared", all.len());
            assert_eq!(worse(&all), 0, "seed {seed}: {:?}", slower(&all));
            assert!(all.iter().all(|c| c.outcome != Outcome::Unmeasured));
        }
    }
}

#[test]
fn faster_is_no_regression() {
    let all = compared(&of_runs(0..6), 100, -0.3);
    assert_eq!(worse(&all), 0);
    assert!(
        all.iter()
            .any(|c| c.faster && c.measure == Measure::Handshake)
    );
}

#[test]
fn less_than_the_tolerance_is_no_matter() {
    let baseline = of_runs(0..6);
    assert_eq!(worse(&compared(&baseline, 100, 0.05)), 0);
    let now = measures(&record(&run(100, 0.2)));
    let lax = Rules {
        tolerance: 0.4,
        ..RULES
    };
    assert_eq!(worse(&compare(&baseline, &now, lax)), 0);
}

#[test]
fn a_backend_that_is_gone_is_not_compared() {
    let only_local = |measures: Measures| -> Measures {
        measures
            .into_iter()
            .filter(|(key, _)| key.backend == "vote.1")
            .collect()
    };
    let now = measures(&record(&run(100, 0.0)));
    let whole = of_runs(0..3);
    let all = compare(&whole, &only_local(now.clone()), RULES);
    let gone = |c: &&Comparison| c.backend == "vote.2" && c.measure == Measure::Handshake;
    let handshake = all.iter().find(gone).expect("vote.2's handshake");
    assert_eq!(handshake.outcome, Outcome::Unmeasured);
    let part = baseline::of(vec![with_measures(
        BaselineRun::default(),
        &only_local(now.clone()),
    )]);
    let all = compare(&part, &now, RULES);
    let fresh = all.iter().find(gone).expect("vote.2's handshake");
    assert_eq!(
        fresh.outcome,
        Outcome::Skipped,
        "it has nothing to be slower than"
    );
}

#[test]
fn too_few_connections_are_not_compared() {
    let few = timelines_of(&connections(Route::MeshLocal, Ending::Closed, 25, 0));
    let all = compare(&of_runs(0..3), &measures(&record(&few)), RULES);
    let handshake = all
        .iter()
        .find(|c| c.measure == Measure::Handshake)
        .expect("one");
    assert_eq!(handshake.outcome, Outcome::Unmeasured);
    assert!(
        handshake
            .why
            .as_deref()
            .unwrap_or_default()
            .contains("too few")
    );
}

#[test]
fn a_baseline_that_is_all_noise_says_so() {
    let times = |ms: u64| {
        let mut timelines = run(1, 0.0);
        for timeline in &mut timelines {
            timeline.handshake_ns = Some(Nanos::from_unsigned(
                ms * 1_000_000 + timeline.started.ns() % 7,
            ));
        }
        with_measures(BaselineRun::default(), &measures(&record(&timelines)))
    };
    let wild = baseline::of([1, 4, 2, 9].map(times).to_vec());
    let all = compared(&wild, 100, 0.0);
    let handshake = all
        .iter()
        .find(|c| c.measure == Measure::Handshake)
        .expect("one");
    assert_eq!(handshake.outcome, Outcome::Unmeasured);
}

/// The plain test's figures, as R's `wilcox.test(exact = FALSE, correct = FALSE)`
/// defines them.
#[test]
fn the_ranks_are_those_of_the_textbook() {
    // Wholly apart, and the same.
    let part = |from: u64| vec![(from..from + 10).map(|v| (v, 1)).collect::<Vec<_>>(); 4];
    let apart = ranks(&part(100), &part(200)).expect("enough");
    assert!(
        (apart.longer - 1.0).abs() < 1e-12 && apart.p_slower < 0.01,
        "{apart:?}"
    );
    let same = ranks(&part(100), &part(100)).expect("enough");
    assert!((same.longer - 0.5).abs() < 1e-12 && (same.p_slower - 0.5).abs() < 1e-9);
    // 1 2 3 4 against 2 3 4 5: of 16 pairs 10 are longer, 3 equal.
    let small = |values: [u64; 4]| {
        let pair = |v: &[u64]| v.iter().map(|v| (*v, 1)).collect::<Vec<_>>();
        vec![pair(&values[..2]), pair(&values[2..])]
    };
    let ranks = ranks(&small([1, 2, 3, 4]), &small([2, 3, 4, 5])).expect("enough");
    assert!((ranks.longer - 11.5 / 16.0).abs() < 1e-12, "{ranks:?}");
}

#[test]
fn holm_is_that_of_the_textbook() {
    let raised = holm(&[0.01, 0.04, 0.03, 0.005]);
    let expected = [0.03, 0.06, 0.06, 0.02];
    let near = raised
        .iter()
        .zip(expected)
        .all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(near, "{raised:?}");
    assert!(holm(&[]).is_empty());
}

#[test]
fn predictions_widen_with_spread_and_narrow_with_runs() {
    let margin = |figures: &[u64]| predict(figures).expect("enough").margin;
    let few = margin(&[1000, 1050, 950]);
    let many = margin(&[1000, 1050, 950, 1000, 1050, 950, 1000, 1050, 950]);
    assert!(few > many && many > 0.1, "{few} {many}");
    assert!(margin(&[1000, 1500, 700]) > few);
    assert!(predict(&[5]).is_none());
    // t(0.999, 4) = 7.173, s = 0.0790569…, √(1 + 1/5).
    let e = |log: f64| ((log.exp()) * 1e9).round() as u64;
    let five = margin(&[e(0.0), e(0.05), e(0.1), e(0.15), e(0.2)]);
    assert!(
        (five - 7.1732 * 0.079_057 * 1.2_f64.sqrt()).abs() < 1e-3,
        "{five}"
    );
}

proptest! {
    /// Whatever the times: chances are chances, and which is which matters.
    #[test]
    fn ranks_are_sound(
        old in proptest::collection::vec((0_u64..1000, 0_u64..5_000_000), 20..80),
        new in proptest::collection::vec((0_u64..1000, 0_u64..5_000_000), 20..80),
    ) {
        let (old, new) = (Times::new(samples(old)).stretches, Times::new(samples(new)).stretches);
        let there = ranks(&old, &new).expect("two stretches each");
        let back = ranks(&new, &old).expect("two stretches each");
        for p in [there.p_slower, there.p_faster, there.longer] {
            prop_assert!((0.0..=1.0).contains(&p), "{:?}", there);
        }
        prop_assert!((there.longer + back.longer - 1.0).abs() < 1e-9);
        prop_assert!((there.p_slower - back.p_faster).abs() < 1e-9);
    }

    /// Holm never lowers a chance and keeps their order.
    #[test]
    fn holm_is_sound(chances in proptest::collection::vec(0.0..=1.0_f64, 0..40)) {
        let raised = holm(&chances);
        for (i, a) in chances.iter().enumerate() {
            prop_assert!(raised[i] >= *a && raised[i] <= 1.0);
            for (j, b) in chances.iter().enumerate() {
                prop_assert!(a > b || raised[i] <= raised[j]);
            }
        }
    }
}
