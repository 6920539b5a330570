//! Two nodes' timelines, and their clocks.

use super::told_by;
use crate::recording::read::contents;
use crate::recording::{TimelineLine, write_line};
use crate::synthetic::{At, Connection, Ending, Route};
use crate::sys::clock::Nanos;
use crate::timeline::join::join;
use crate::timeline::{Gap, Leg, Phase, Proof, Rewrite, State, Timeline};
use std::io::Write;

const AHEAD: i64 = 7_000_000_000_123;

fn parts(connection: &Connection) -> (Vec<Timeline>, Vec<Timeline>) {
    let events = connection.events();
    (told_by(At::A, &events, 0), told_by(At::B, &events, AHEAD))
}

fn whole(connection: &Connection) -> Timeline {
    let (a, b) = parts(connection);
    let joined = join([b, a].concat());
    assert_eq!(
        (joined.whole, joined.alone, joined.timelines.len()),
        (1, 0, 1)
    );
    joined.timelines.into_iter().next().unwrap()
}

#[test]
fn two_parts_make_a_whole() {
    for route in [Route::MeshRemote, Route::VipRemote, Route::Direct] {
        for udp in [false, true] {
            let mut connection = Connection::new(route, Ending::Closed, 4);
            connection.udp = udp;
            let timeline = whole(&connection);
            assert_eq!(timeline.nodes, ["node-a", "node-b"], "{route:?}");
            assert_eq!(timeline.task.as_deref(), Some("vote.2"));
            assert_eq!(timeline.hops.len(), connection.events().len());
            assert!(timeline.left_for.is_none() && timeline.came_from.is_none());
            let clock = &timeline.clocks[0];
            let bound = clock.bound_ns.unwrap();
            assert!(
                (clock.offset_ns - Nanos::new(AHEAD)).abs() <= bound,
                "{clock:?}"
            );
            assert!(bound < Nanos::new(20_000));
            let state = if udp {
                State::Established
            } else {
                State::Closed
            };
            assert_eq!(timeline.state, state);
        }
    }
}

#[test]
fn a_whole_has_its_hops_in_the_order_of_the_path() {
    let timeline = whole(&Connection::new(Route::MeshRemote, Ending::Open, 4));
    let syn: Vec<_> = timeline
        .hops
        .iter()
        .filter(|h| h.phase == Phase::Syn)
        .map(|h| (&*h.node, &*h.device))
        .collect();
    assert_eq!(
        syn[7..10],
        [("node-a", "eth0"), ("node-b", "eth0"), ("node-b", "vxlan0")]
    );
    assert_eq!(
        &*timeline.hops[timeline.reached.unwrap()].namespace,
        "vote.2"
    );
    let last = timeline
        .hops
        .iter()
        .rfind(|h| h.phase == Phase::Syn)
        .unwrap();
    assert_eq!(
        last.then,
        [Rewrite::Redirect {
            from_port: 8080,
            to_port: 80
        }]
    );
    let seam = &timeline.hops[8];
    assert_eq!((seam.proof, seam.leg), (Proof::SamePacket, Leg::Forward));
    assert!(
        timeline.hops.windows(2).all(|pair| {
            pair[1].proof == Proof::First || pair[0].offset_ns <= pair[1].offset_ns
        })
    );
}

#[test]
fn the_first_syn_lost_between_the_nodes() {
    let mut connection = Connection::new(Route::MeshRemote, Ending::Open, 4);
    connection.retransmitted = 1;
    let mut events = connection.events();
    let second = events[0].time + 900_000_000;
    events.retain(|e| e.netns < 200 || e.time > second);
    let joined = join([told_by(At::A, &events, 0), told_by(At::B, &events, AHEAD)].concat());
    let timeline = &joined.timelines[0];
    assert_eq!(joined.whole, 1);
    let arrived = timeline.hops.iter().find(|h| &*h.node == "node-b").unwrap();
    assert_eq!(arrived.attempt, 2);
    assert_eq!(timeline.retransmissions, 1);
}

#[test]
fn an_unanswered_whole_uses_the_other_connections_clock() {
    let mut answered = Connection::new(Route::MeshRemote, Ending::Open, 4);
    answered.start += 5_000_000_000;
    let unanswered = Connection::new(Route::MeshRemote, Ending::Unanswered, 6);
    let (a, b) = parts(&answered);
    let (c, d) = parts(&unanswered);
    let joined = join([a, b, c, d].concat());
    assert_eq!(joined.whole, 2);
    for timeline in &joined.timelines {
        let clock = &timeline.clocks[0];
        assert!((clock.offset_ns - Nanos::new(AHEAD)).abs() <= clock.bound_ns.unwrap());
    }
    let (c, d) = parts(&unanswered);
    let joined = join([c, d].concat());
    let timeline = &joined.timelines[0];
    assert_eq!(timeline.clocks[0].bound_ns, None);
    assert!(
        timeline
            .hops
            .iter()
            .all(|h| &*h.node == "node-a" || h.uncertainty_ns.is_none())
    );
    assert_eq!(timeline.state, State::Unanswered);
}

#[test]
fn a_part_alone_says_so() {
    let (a, _) = parts(&Connection::new(Route::MeshRemote, Ending::Open, 4));
    assert_eq!(
        a[0].left_for.as_ref().unwrap().node.as_deref(),
        Some("node-b")
    );
    let joined = join(a);
    assert_eq!((joined.whole, joined.alone), (0, 1));
    assert!(joined.timelines[0].gaps.contains(&Gap::OtherNodeMissing));
    let (_, b) = parts(&Connection::new(Route::MeshRemote, Ending::Open, 4));
    assert_eq!(
        b[0].came_from.as_ref().unwrap().node.as_deref(),
        Some("node-a")
    );
}

#[test]
fn parts_of_two_connections_stay_apart() {
    let first = Connection::new(Route::MeshRemote, Ending::Open, 4);
    let mut second = Connection::new(Route::MeshRemote, Ending::Open, 5);
    second.isn = first.isn;
    second.start += 1_000_000;
    let (a, _) = parts(&first);
    let (_, d) = parts(&second);
    let joined = join([a, d].concat());
    assert_eq!((joined.whole, joined.alone), (0, 2));
}

#[test]
fn json_comes_back_as_it_was() {
    let timeline = whole(&Connection::new(Route::MeshRemote, Ending::Reset, 4));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let line = write_line(&TimelineLine::from(timeline.clone())).unwrap();
    file.write_all(line.as_bytes()).unwrap();
    writeln!(
        file,
        r#"{{"format":"swarmtrace-summary","version":1,"lost":0}}"#
    )
    .unwrap();
    let read = contents(file.path()).unwrap();
    assert_eq!(read.timelines, [TimelineLine::from(timeline)]);
    assert_eq!(read.summaries.len(), 1);
}

#[test]
fn what_is_not_a_timeline_is_named_with_its_line() {
    let (a, _) = parts(&Connection::new(Route::MeshRemote, Ending::Open, 4));
    let good = write_line(&TimelineLine::from(a[0].clone())).unwrap();
    let good = good.trim_end();
    let newer = good.replacen("\"version\":1", "\"version\":9", 1);
    let cases = [
        (
            format!("{good}\n{{\"a\":1}}\n"),
            "line 2: JSON, but not written by swarmtrace",
        ),
        (format!("{good}\n\nhello\n"), "line 3: not a line of JSON"),
        (
            format!("{good}\n{}", &good[..200]),
            "line 2: the file ends in the middle",
        ),
        (
            newer,
            "line 1: swarmtrace-timeline version 9; this swarmtrace reads up to version 1",
        ),
        (
            good.replacen("\"hops\":", "\"hips\":", 1),
            "line 1: not a whole swarmtrace-timeline",
        ),
        ("\u{0}\u{1}".to_owned(), "line 1: not a line of JSON"),
    ];
    for (content, expected) in cases {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        let error = contents(file.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(
            error.starts_with(&file.path().display().to_string()),
            "{error}"
        );
    }
}

#[test]
fn wall_clocks_an_hour_apart() {
    let answered = Connection::new(Route::MeshRemote, Ending::Open, 4);
    let mut unanswered = Connection::new(Route::MeshRemote, Ending::Unanswered, 6);
    unanswered.start += 40_000_000_000;
    let late = |mut timelines: Vec<Timeline>| {
        for timeline in &mut timelines {
            timeline.started += Nanos::from_secs(3600);
        }
        timelines
    };
    let (a, b) = parts(&answered);
    let (c, d) = parts(&unanswered);
    let joined = join([a, late(b), c.clone(), late(d.clone())].concat());
    assert_eq!((joined.whole, joined.alone), (2, 0));
    assert_eq!(join([c, late(d)].concat()).whole, 0);
}
