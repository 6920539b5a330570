//! Baselines in files.

use super::{connections, record, samples, timelines_of};
use crate::check::baseline::{self, MOST_RUNS};
use crate::check::measures::{measures, of_run, with_measures};
use crate::check::times::{Times, merged, quantile};
use crate::recording::{BaselineRun, write_line};
use crate::synthetic::{Ending, Route};
use proptest::prelude::*;

fn run() -> BaselineRun {
    let timelines = timelines_of(&connections(Route::MeshRemote, Ending::Closed, 60, 0));
    let run = BaselineRun {
        kernel: "6.1.0".to_owned(),
        ..BaselineRun::default()
    };
    with_measures(run, &measures(&record(&timelines)))
}

#[test]
fn what_is_written_is_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("base.json");
    assert!(baseline::read_if_exists(&path).expect("no error").is_none());
    let baseline = baseline::of(vec![run(), run()]);
    baseline::write(&baseline, &path).expect("written");
    assert_eq!(baseline::read(&path).expect("read"), baseline);
    let stored = of_run(&baseline.runs[0]).expect("whole");
    let seen = record(&timelines_of(&connections(
        Route::MeshRemote,
        Ending::Closed,
        60,
        0,
    )));
    assert_eq!(
        stored,
        measures(&seen),
        "every histogram, bucket for bucket"
    );
    assert!(stored.len() > 15, "{}", stored.len());
    let left: Vec<_> = std::fs::read_dir(&directory).expect("listed").collect();
    assert_eq!(left.len(), 1, "nothing else is left: {left:?}");
}

#[test]
fn the_latest_runs_are_kept() {
    let numbered = |taken| BaselineRun {
        taken,
        ..BaselineRun::default()
    };
    let baseline = baseline::of((0..25).map(numbered).collect());
    assert_eq!(baseline.runs.len(), MOST_RUNS);
    assert_eq!(baseline.runs[0].taken, 5);
}

#[test]
fn an_old_baseline_outlives_a_write_that_fails() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("no such directory").join("base.json");
    let error = baseline::write(&baseline::of(vec![run()]), &path).expect_err("nowhere to write");
    assert!(error.to_string().contains("base.json"), "{error}");
}

#[test]
fn what_is_no_baseline_is_refused_with_its_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("base.json");
    let whole = write_line(&baseline::of(vec![run()])).expect("JSON");
    let broken = whole.replacen("\"histograms\":[\"", "\"histograms\":[\"AAAA", 1);
    let newer = whole.replacen("\"version\":1", "\"version\":2", 1);
    assert!(broken != whole && newer != whole);
    for (text, words) in [
        ("", "not a swarmtrace-baseline"),
        (
            "{\"format\":\"swarmtrace-timeline\"}",
            "not a swarmtrace-baseline",
        ),
        (&whole[..whole.len() / 2], "not a swarmtrace-baseline"),
        (broken.as_str(), "broken histogram"),
        (
            newer.as_str(),
            "swarmtrace-baseline version 2; this swarmtrace reads up to version 1",
        ),
        (
            "{\"format\":\"swarmtrace-baseline\",\"version\":1,\"runs\":[]}",
            "without a run",
        ),
    ] {
        std::fs::write(&path, text).expect("written");
        let error = baseline::read(&path).expect_err(words).to_string();
        assert!(
            error.contains("base.json") && error.contains(words),
            "{error}"
        );
    }
}

proptest! {
    #[test]
    fn histograms_survive(taken in proptest::collection::vec((any::<u64>(), any::<u64>()), 0..300)) {
        let times = Times::new(samples(taken.clone()));
        prop_assert_eq!(times.len(), taken.len() as u64);
        let read = times.encode().and_then(|texts| Times::decode(&texts));
        prop_assert_eq!(read, Some(times));
    }

    #[test]
    fn quantiles_are_exact_to_three_digits(mut ns in proptest::collection::vec(1_u64..10_000_000_000, 1..200), q in 0.0..=1.0_f64) {
        let times = Times::new(samples(ns.iter().map(|ns| (0, *ns))));
        ns.sort_unstable();
        let rank = ((q * ns.len() as f64).ceil() as usize).clamp(1, ns.len());
        let (exact, found) = (ns[rank - 1] as f64, quantile(&merged(&times.stretches), q) as f64);
        prop_assert!((found - exact).abs() <= exact * 0.001 + 1.0, "{} {}", found, exact);
    }

    #[test]
    fn odd_bytes_are_no_histogram_and_no_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..200, mask in 1_u8..) {
        use base64::Engine as _;
        let engine = base64::prelude::BASE64_STANDARD;
        let _ = Times::decode(&[engine.encode(&bytes)]);
        // And a good one with a byte changed.
        let good = Times::new(samples([(0, 5_000), (1, 70_000)])).encode().expect("encoded");
        bytes = engine.decode(&good[0]).expect("Base64");
        let length = bytes.len();
        bytes[at % length] ^= mask;
        let _ = Times::decode(&[engine.encode(&bytes)]);
    }
}
