//! Assertions against synthetic traces.

use super::{connections, record, timelines_of, whole};
use crate::check::parse::assertion;
use crate::check::{Observations, evaluate};
use crate::recording::{AssertionResult, Outcome, RunSummary};
use crate::synthetic::{Ending, Route};
use crate::sys::clock::Nanos;
use crate::timeline::{Leg, Phase, Timeline};

const LEAST: u64 = 30;

fn judged_in(text: &str, record: &Observations, run: &RunSummary) -> Vec<AssertionResult> {
    let assertion = assertion(text).unwrap_or_else(|e| panic!("{e}"));
    evaluate(&assertion, record, run, LEAST)
}

fn outcomes(text: &str, record: &Observations) -> Vec<Outcome> {
    let judged = judged_in(text, record, &whole());
    judged.into_iter().map(|c| c.outcome).collect()
}

/// 100 connections to each of the two tasks.
fn mixed() -> Vec<Timeline> {
    let local = connections(Route::MeshLocal, Ending::Closed, 100, 0);
    let remote = connections(Route::MeshRemote, Ending::Closed, 100, 1000);
    timelines_of(&[local, remote].concat())
}

use Outcome::{Pass, Regression, Skipped, Unmeasured};

#[test]
fn every_form_holds_or_does_not() {
    let record = record(&mixed());
    for text in [
        "handshake.p99 < 5ms",
        "handshake.min > 10us",
        "first_byte.mean < 1ms",
        "hop(ingress_sbox).p50 < 200us",
        "hop(ingress_sbox, back).p50 < 200us",
        "edge(host eth0 in -> ingress_sbox nic(ingress) out).max < 1ms",
        "rst.handshake == 0",
        "rst.total == 0",
        "retransmit.syn == 0",
        "retransmit.total == 0",
        "failed < 0.1%",
        "unanswered == 0",
    ] {
        assert_eq!(outcomes(text, &record), [Pass, Pass], "{text}");
        let (words, _) = text.rsplit_once([' ']).expect("a value");
        let words = words.trim_end_matches(['<', '>', '=', ' ']);
        let never = if text.contains("min") { "< 1ns" } else { "< 0" };
        let never = match text.contains("== 0") || text.contains('%') {
            true => format!("{words} != 0"),
            false => format!("{words} {}", never.replace("< 0", "< 1ns")),
        };
        assert_eq!(
            outcomes(&never, &record),
            [Regression, Regression],
            "{never}"
        );
    }
    assert_eq!(outcomes("connections == 200", &record), [Pass]);
    assert_eq!(
        outcomes("backend(vote.1): connections == 100", &record),
        [Pass]
    );
    assert_eq!(
        outcomes("service(vote): connections > 200", &record),
        [Regression]
    );
    assert_eq!(outcomes("lost == 0", &record), [Pass]);
}

#[test]
fn each_backend_answers_for_itself() {
    let mut timelines = mixed();
    for timeline in &mut timelines {
        if timeline.task.as_deref() == Some("vote.2") {
            timeline.handshake_ns = timeline
                .handshake_ns
                .map(|took| took + Nanos::from_millis(10));
        }
    }
    let record = record(&timelines);
    let judged = judged_in("handshake.p50 < 5ms", &record, &whole());
    let each: Vec<_> = judged
        .iter()
        .map(|c| (c.backend.as_deref(), c.outcome))
        .collect();
    assert_eq!(each, [(Some("vote.1"), Pass), (Some("vote.2"), Regression)]);
    assert_eq!(
        outcomes("backend(vote.1): handshake.p99 < 5ms", &record),
        [Pass]
    );
    assert_eq!(
        outcomes("service(vote): handshake.p99 < 5ms", &record),
        [Regression]
    );
    assert_eq!(outcomes("all: handshake.p40 < 5ms", &record), [Pass]);
}

#[test]
fn a_hop_is_the_time_since_the_one_before() {
    let timelines = mixed();
    let record = record(&timelines);
    // By hand: the SYN, first data and FIN of each connection to vote.2.
    let mut longest = 0;
    for timeline in timelines
        .iter()
        .filter(|t| t.task.as_deref() == Some("vote.2"))
    {
        for pair in timeline.hops.windows(2) {
            if &*pair[1].role == "ingress vxlan" && pair[1].leg == Leg::Forward {
                longest = longest.max(pair[1].time_ns.since(pair[0].time_ns).unsigned());
            }
        }
    }
    assert!(longest > 0);
    let judged = judged_in(&format!("hop(vxlan).max == {longest}ns"), &record, &whole());
    // vote.1 is on this node: nothing for it passes a tunnel.
    let each: Vec<_> = judged.iter().map(|c| c.outcome).collect();
    assert_eq!(each, [Skipped, Pass], "{judged:?}");
    assert_eq!(judged[1].measured, Some(longest as f64));
}

#[test]
fn a_name_of_several_hops_or_of_none_lists_them() {
    let record = record(&mixed());
    for (text, words) in [
        (
            "hop(vxlann).max < 2ms",
            ["no hop 'vxlann'", "'ingress vxlan out'"],
        ),
        ("hop(host).max < 2ms", ["several hops", "'host eth0 out'"]),
        (
            "edge(host -> nowhere).max < 2ms",
            ["no packet passes", "'host eth0 in'"],
        ),
    ] {
        let judged = judged_in(text, &record, &whole());
        let remote = judged.last().expect("vote.2");
        assert_eq!(remote.outcome, Unmeasured, "{text}");
        let why = remote.why.clone().unwrap_or_default();
        assert!(words.iter().all(|word| why.contains(word)), "{text}: {why}");
    }
}

#[test]
fn too_few_samples_measure_nothing() {
    let few = record(&timelines_of(&connections(
        Route::MeshLocal,
        Ending::Closed,
        50,
        0,
    )));
    assert_eq!(outcomes("handshake.p50 < 5ms", &few), [Pass]);
    assert_eq!(
        outcomes("handshake.p99 < 5ms", &few),
        [Unmeasured],
        "50 have no p99"
    );
    let judged = judged_in("handshake.p99.9 < 5ms", &few, &whole());
    let why = judged[0].why.clone().unwrap_or_default();
    assert!(why.contains("50") && why.contains("1000"), "{why}");
    let fewer = record(&timelines_of(&connections(
        Route::MeshLocal,
        Ending::Closed,
        29,
        0,
    )));
    assert_eq!(outcomes("handshake.max < 5ms", &fewer), [Unmeasured]);
}

#[test]
fn nothing_at_all_is_no_pass() {
    let nothing = Observations::new();
    for text in [
        "handshake.p50 < 5ms",
        "hop(ingress_sbox).max < 1s",
        "rst.handshake == 0",
        "failed < 1%",
        "service(vote): retransmit.syn == 0",
        "backend(vote.1): handshake.max < 1s",
    ] {
        assert_eq!(outcomes(text, &nothing), [Unmeasured], "{text}");
    }
    assert_eq!(outcomes("connections > 0", &nothing), [Regression]);
    let judged = judged_in("service(vota): failed == 0", &record(&mixed()), &whole());
    assert_eq!(judged[0].outcome, Unmeasured);
    assert!(
        judged[0]
            .why
            .as_deref()
            .unwrap_or_default()
            .contains("there are: vote")
    );
}

#[test]
fn a_backend_that_never_answers_is_not_left_out() {
    let good = connections(Route::MeshLocal, Ending::Closed, 100, 0);
    let dead = connections(Route::MeshRemote, Ending::Unanswered, 40, 1000);
    let record = record(&timelines_of(&[good, dead].concat()));
    assert_eq!(outcomes("failed == 0", &record), [Pass, Regression]);
    assert_eq!(outcomes("unanswered < 50%", &record), [Pass, Regression]);
    assert_eq!(outcomes("retransmit.syn == 0", &record), [Pass, Regression]);
    let judged = judged_in("backend(vote.2): retransmit.syn == 80", &record, &whole());
    assert_eq!(
        (judged[0].outcome, judged[0].samples),
        (Pass, 40),
        "two more SYNs each"
    );
    assert_eq!(outcomes("handshake.p90 < 5ms", &record), [Pass, Unmeasured]);
}

#[test]
fn resets_are_counted_where_they_came() {
    let refused = connections(Route::MeshLocal, Ending::Refused, 5, 0);
    let reset = connections(Route::MeshLocal, Ending::Reset, 3, 1000);
    let fine = connections(Route::MeshLocal, Ending::Closed, 42, 2000);
    let record = record(&timelines_of(&[refused, reset, fine].concat()));
    for (text, outcome) in [
        ("all: rst.handshake == 5", Pass),
        ("all: rst.total == 8", Pass),
        ("all: failed == 8", Pass),
        ("all: failed == 16%", Pass),
        ("all: rst.handshake == 0", Regression),
    ] {
        assert_eq!(outcomes(text, &record), [outcome], "{text}");
    }
}

#[test]
fn a_later_telling_replaces_an_earlier_one() {
    let mut early = timelines_of(&connections(Route::MeshLocal, Ending::Reset, 1, 0)).remove(0);
    let late = early.clone();
    early.state = crate::timeline::State::Established;
    early.hops.retain(|hop| hop.phase != Phase::Rst);
    let mut record = Observations::new();
    assert!(record.add(&early) && !record.add(&late));
    assert_eq!(outcomes("all: rst.total == 1", &record), [Pass]);
    assert_eq!(outcomes("connections == 1", &record), [Pass]);
}

#[test]
fn what_was_lost_is_never_passed_over() {
    let record = record(&mixed());
    let lost = |lost| RunSummary { lost, ..whole() };
    let outcome = |text: &str, run: &RunSummary| judged_in(text, &record, run)[0].outcome;
    assert_eq!(
        outcome("lost == 0", &lost(Some(1))),
        Unmeasured,
        "no regression either"
    );
    assert_eq!(outcome("lost == 0", &lost(None)), Unmeasured);
    assert_eq!(outcome("lost < 1%", &lost(Some(5))), Pass);
    assert_eq!(outcome("lost < 1%", &lost(Some(50))), Unmeasured);
}
