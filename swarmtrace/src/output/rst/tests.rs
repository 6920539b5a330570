//! Findings and groups of a synthetic Swarm's failures.

use super::Groups;
use super::text::headline;
use crate::diagnose::TaskActivity;
use crate::flow::{Correlator, Options};
use crate::recording::{FailureKind, Finding, KnownBy, Origin, Side, write_line};
use crate::session::is_of_swarm;
use crate::synthetic::{At, Connection, Ending, Route, topology};
use crate::sys::clock::Nanos;
use crate::timeline::{Direction, Leg, Phase, Place, ResetSent, State, Timeline};
use std::time::Duration;

/// The last revision of a connection as node a saw it.
fn timeline(route: Route, ending: Ending, seed: u32) -> Timeline {
    let mut correlator = Correlator::new(&Options {
        idle: Duration::from_millis(1500),
        unknown_resets: true,
        failures_only: true,
        ..Options::default()
    });
    let events = Connection::new(route, ending, seed).events();
    for event in events.iter().filter(|e| e.netns < 200) {
        correlator.push(event);
    }
    let flow = correlator.finish().pop().unwrap();
    flow.timeline(&topology(At::A), Nanos::new(1_700_000_000_000_000_000))
}

/// What a timeline without a verdict amounts to.
fn found(timeline: Timeline) -> Option<Finding> {
    Finding::of(timeline, None, None)
}

fn finding(route: Route, ending: Ending, seed: u32) -> Finding {
    found(timeline(route, ending, seed)).unwrap()
}

#[test]
fn a_refusal_is_the_server_s_and_is_born_in_its_task() {
    let found = finding(Route::MeshLocal, Ending::Refused, 1);
    assert_eq!(
        (found.kind, found.side),
        (FailureKind::Refused, Some(Side::Server))
    );
    assert!(found.during_handshake && found.is_reset() && !found.is_uncertain(true));
    let place = found.origin.unwrap();
    assert_eq!(place.describe(), "vote.1 eth0 out");
    assert_eq!(place.by, KnownBy::Tap);
    // By the wall clock, when the reset was born rather than the SYN.
    let reset = found.timeline.hops.iter().find(|h| h.phase == Phase::Rst);
    let after = reset.unwrap().offset_ns;
    assert_eq!(found.time, found.timeline.started + after);
    assert!(found.time.seconds() > 1_700_000_000);
}

#[test]
fn the_kernel_s_word_on_who_sent_it_comes_before_the_first_tap_s() {
    let mut failed = timeline(Route::MeshLocal, Ending::Refused, 1);
    let State::Refused { by } = failed.state else {
        panic!("{:?}", failed.state);
    };
    let hop = failed.hops[by].clone();
    let sent = ResetSent {
        time: hop.time_ns,
        node: hop.node.to_string(),
        netns: hop.netns,
        namespace: hop.namespace.to_string(),
        source: hop.source,
        destination: hop.destination,
        reason: Some("SK_RST_REASON_NO_SOCKET".to_owned()),
    };
    failed.resets.push(sent.clone());
    let stopped = Some(TaskActivity::Stopped { ms_ago: 1200 });
    let same = Finding::of(failed.clone(), None, stopped).unwrap();
    assert_eq!(same.reason.as_deref(), Some("NO_SOCKET"));
    assert_eq!(
        headline(&same),
        "refused by the server · sent by the kernel, at vote.1 eth0 out · reason NO_SOCKET · \
         vote.1 stopped 1.2 s before"
    );
    // Elsewhere than where the first tap saw it.
    failed.resets[0].netns += 1;
    failed.resets[0].namespace = "lb".to_owned();
    let other = found(failed).unwrap().origin.unwrap();
    let expected = Origin {
        node: sent.node,
        namespace: "lb".to_owned(),
        netns: sent.netns + 1,
        device: None,
        way: None,
        by: KnownBy::Kernel,
    };
    assert_eq!(other, expected);
}

#[test]
fn a_reset_is_of_the_handshake_if_it_answers_it_at_once() {
    let later = finding(Route::MeshLocal, Ending::Reset, 1);
    assert_eq!(
        (later.kind, later.during_handshake),
        (FailureKind::Reset, false)
    );
    assert_eq!(later.side, Some(Side::Server));
    // The client's stack does not want the SYN-ACK.
    let mut failed = timeline(Route::MeshLocal, Ending::Reset, 1);
    let State::Reset { by, .. } = failed.state else {
        panic!("{:?}", failed.state);
    };
    let answer = failed
        .hops
        .iter()
        .find(|h| h.phase == Phase::SynAck)
        .unwrap();
    let soon = answer.time_ns + Nanos::from_millis(1);
    let isn = failed.key.isn.unwrap();
    let reset = &mut failed.hops[by];
    (reset.leg, reset.time_ns) = (Leg::Forward, soon);
    (reset.packet.seq, reset.packet.ack) = (isn.wrapping_add(1), 0);
    failed.state = State::Reset {
        by,
        leg: Leg::Forward,
    };
    let of = |failed: &Timeline| found(failed.clone()).unwrap().during_handshake;
    assert!(of(&failed));
    let mut process = failed.clone();
    process.hops[by].packet.ack = 1;
    assert!(!of(&process), "a process hung up");
    let mut late = failed.clone();
    late.hops[by].time_ns = soon + Nanos::from_secs(5);
    assert!(!of(&late), "it answers something else");
}

#[test]
fn silence_counts_where_an_answer_would_have_been_seen() {
    let mut silent = timeline(Route::MeshRemote, Ending::Unanswered, 1);
    let found_of = |failed: &Timeline| found(failed.clone());
    let found = found_of(&silent).unwrap();
    assert_eq!((found.kind, found.side), (FailureKind::Unanswered, None));
    assert!(found.is_uncertain(false));
    assert!(!found.is_uncertain(true) && found.during_handshake);
    let place = found.origin.unwrap();
    let last = silent.hops[silent.reached.unwrap()].clone();
    assert_eq!(
        (place.netns, place.way),
        (last.netns, Some(Direction::Egress))
    );
    // A flow that was emitted for its silence and is emitted again is no second failure.
    silent.revision = 1;
    assert!(found_of(&silent).is_none());
}

#[test]
fn what_works_is_no_finding_and_the_node_s_own_is_not_the_swarm_s() {
    let mut failed = timeline(Route::MeshLocal, Ending::Refused, 1);
    assert!(is_of_swarm(&failed));
    failed.service = None;
    assert!(is_of_swarm(&failed));
    failed
        .hops
        .retain(|h| h.place == Place::Host && &*h.device == "eth0");
    assert!(!failed.hops.is_empty() && !is_of_swarm(&failed));
    failed.state = State::Established;
    assert!(found(failed).is_none());
}

#[test]
fn the_json_has_what_happened_beside_the_timeline() {
    let refused = timeline(Route::MeshLocal, Ending::Refused, 1);
    let found = Finding::of(refused, None, Some(TaskActivity::Starting)).unwrap();
    let json = write_line(&found).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["format"], "swarmtrace-rst");
    assert_eq!(json["version"], 1);
    assert_eq!(json["kind"], "refused");
    assert_eq!(json["side"], "server");
    assert_eq!(json["during_handshake"], true);
    assert_eq!(json["task_state"]["is"], "starting");
    assert_eq!(json["birthplace"]["namespace"], "vote.1");
    assert_eq!(json["birthplace"]["by"], "tap");
    assert_eq!(json["service"], "vote");
    assert!(json["verdict"].is_null());
    assert_eq!(json["timeline"]["format"], "swarmtrace-timeline");
    let timeline: Timeline = serde_json::from_value(json["timeline"].clone()).unwrap();
    assert_eq!(timeline, found.timeline);
}

#[test]
fn what_is_alike_is_one_group() {
    let mut groups = Groups::default();
    assert!(groups.add(&finding(Route::MeshLocal, Ending::Refused, 1)));
    for seed in 2..=4 {
        let again = finding(Route::MeshLocal, Ending::Refused, seed);
        assert!(!groups.add(&again), "another client, the same failure");
    }
    assert!(groups.add(&finding(Route::MeshRemote, Ending::Refused, 9)));
    assert!(groups.add(&finding(Route::MeshLocal, Ending::Reset, 9)));
    let counts: Vec<u64> = groups.all().iter().map(|g| g.count).collect();
    assert_eq!(counts, [4, 1, 1]);
    let grown: Vec<u64> = groups.grown().iter().map(|(more, _)| *more).collect();
    assert_eq!(grown, [3], "the first was shown in full");
    assert!(groups.grown().is_empty());
    groups.add(&finding(Route::MeshLocal, Ending::Refused, 5));
    assert_eq!(groups.grown()[0].0, 1);
    let json = serde_json::to_value(groups.all()).unwrap();
    assert_eq!(
        (&json[0]["count"], &json[0]["kind"]),
        (&5.into(), &"refused".into())
    );
    assert_eq!(json[0]["target"], "vote");
}

#[test]
fn a_rate_is_what_came_after_the_first() {
    let mut groups = Groups::default();
    let mut found = finding(Route::MeshLocal, Ending::Refused, 1);
    let start = found.time;
    groups.add(&found);
    assert_eq!(groups.all()[0].rate(), None);
    for n in 1..=10 {
        found.time = start + Nanos::from_millis(500) * n;
        groups.add(&found);
    }
    assert_eq!(groups.all()[0].rate(), Some(2.0));
}

#[test]
fn days_of_ever_new_failures_are_kept_within_bounds() {
    let mut groups = Groups::default();
    let mut found = finding(Route::MeshLocal, Ending::Refused, 1);
    for n in 0..2000_u64 {
        found.task = Some(format!("vote.{n}"));
        found.time += Nanos::new(1);
        assert!(groups.add(&found));
    }
    let kept = groups.all();
    assert_eq!(kept.len(), 256);
    assert_eq!(groups.others(), 2000 - 256);
    // The latest are kept.
    let oldest = kept.iter().map(|g| g.last).min();
    assert_eq!(oldest, Some(found.time - Nanos::new(255)));
}
