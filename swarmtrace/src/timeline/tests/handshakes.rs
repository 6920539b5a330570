//! Failures alone, of handshakes and resets alone: what a node is watched by for
//! days.

use super::seen_by;
use crate::flow::{Correlator, Flow, Options};
use crate::synthetic::{At, Connection, Ending, ROUTES, Route, topology};
use crate::sys::clock::{Mono, Nanos};
use crate::timeline::{Gap, Leg, State};
use std::time::Duration;
use swarmtrace_common::{PacketEvent, PacketFlags, TcpFlags};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

fn options() -> Options {
    Options {
        unknown_resets: true,
        failures_only: true,
        after_reset: Duration::from_secs(3),
        max_flows: 100,
        ..Options::default()
    }
}

/// What the kernel side reports in that mode.
fn reported(events: &[PacketEvent]) -> Vec<PacketEvent> {
    let kept = |e: &&PacketEvent| {
        e.has(PacketFlags::ICMP_ERROR) || e.tcp_flags.intersects(TcpFlags::SYN | TcpFlags::RST)
    };
    events.iter().filter(kept).copied().collect()
}

/// Feeds the events by their own clock until `until` after the first.
fn emitted(events: &[PacketEvent], until: u64) -> (Vec<Flow>, Correlator) {
    let mut correlator = Correlator::new(&options());
    let mut events = reported(events).into_iter().peekable();
    let start = events.peek().map_or(0, |e| e.time);
    let mut emitted = Vec::new();
    for now in (start..start + until).step_by(10 * MS as usize) {
        while let Some(event) = events.next_if(|e| e.time <= now) {
            correlator.push(&event);
        }
        emitted.extend(correlator.take_finished(Mono::from_ns(now)));
    }
    (emitted, correlator)
}

fn events(route: Route, ending: Ending) -> Vec<PacketEvent> {
    Connection::new(route, ending, 9).events()
}

#[test]
fn what_was_answered_is_not_told_of() {
    for route in ROUTES {
        for ending in [Ending::Closed, Ending::Open, Ending::Idle] {
            for at in [At::A, At::B] {
                let seen = seen_by(at, &events(route, ending), 0);
                let (flows, _) = emitted(&seen, 5 * S);
                assert!(flows.is_empty(), "{route:?} {ending:?}");
            }
        }
    }
}

#[test]
fn failures_are_told_of_once() {
    let cases = [Ending::Refused, Ending::Unanswered, Ending::Reset];
    for (route, ending) in ROUTES.iter().flat_map(|r| cases.map(|e| (*r, e))) {
        let (flows, _) = emitted(&events(route, ending), 20 * S);
        assert_eq!(flows.len(), 1, "{route:?} {ending:?}");
        assert_eq!(flows[0].revision, 0, "{route:?} {ending:?}");
        let timeline = flows[0].timeline(&topology(At::A), Nanos::ZERO);
        let expected = match ending {
            Ending::Refused => matches!(timeline.state, State::Refused { .. }),
            Ending::Reset => matches!(
                timeline.state,
                State::Reset {
                    leg: Leg::Reply,
                    ..
                }
            ),
            _ => timeline.state == State::Unanswered,
        };
        assert!(expected, "{route:?} {ending:?}: {:?}", timeline.state);
    }
}

#[test]
fn an_answer_that_comes_late_or_not_home_is_told_of() {
    let mut late = Connection::new(Route::MeshLocal, Ending::Open, 9);
    late.retransmitted = 1;
    assert_eq!(emitted(&late.events(), 5 * S).0.len(), 1);

    let all = events(Route::MeshLocal, Ending::Open);
    let lost: Vec<PacketEvent> = all
        .iter()
        .filter(|e| e.tcp_flags != TcpFlags::SYN | TcpFlags::ACK || e.netns != all[0].netns)
        .copied()
        .collect();
    assert!(lost.len() < all.len());
    let (flows, _) = emitted(&lost, 5 * S);
    assert_eq!(flows.len(), 1);
    let state = flows[0].timeline(&topology(At::A), Nanos::ZERO).state;
    assert!(matches!(state, State::AnswerLost { .. }), "{state:?}");
}

#[test]
fn a_reset_of_a_connection_that_nobody_knew_says_what_it_can() {
    for route in ROUTES {
        let whole = Connection::new(route, Ending::Reset, 9);
        let (known, _) = emitted(&whole.events(), 5 * S);
        let known = known[0].timeline(&topology(At::A), Nanos::ZERO);
        let resets: Vec<PacketEvent> = (whole.events().into_iter())
            .filter(|e| e.tcp_flags.contains(TcpFlags::RST))
            .collect();
        let (flows, correlator) = emitted(&resets, 5 * S);
        assert_eq!(flows.len(), 1, "{route:?}");
        let late = flows[0].timeline(&topology(At::A), Nanos::ZERO);
        let State::Reset { by, leg } = late.state else {
            panic!("{route:?}: {:?}", late.state);
        };
        assert_eq!((by, leg), (0, Leg::Reply), "{route:?}");
        assert_eq!(late.gaps, [Gap::StartNotSeen]);
        assert_eq!(late.hops.len(), resets.len(), "{route:?}: every hop is its");
        // What a client on the node itself had dialled is put back on its way to
        // `lo`, where there is no tap.
        if route != Route::HostLocal {
            assert_eq!(
                (late.client, late.entry),
                (known.client, known.entry),
                "{route:?}"
            );
        }
        assert_eq!(late.backend.is_some(), known.backend.is_some(), "{route:?}");
        assert_eq!(
            (late.service, late.task),
            (known.service, known.task),
            "{route:?}"
        );
        assert_eq!(correlator.statistics().live, 0, "{route:?}");
    }
}

#[test]
fn what_was_still_under_way_is_no_other_connection() {
    let whole = events(Route::MeshRemote, Ending::Reset);
    let resets = || whole.iter().filter(|e| e.tcp_flags.contains(TcpFlags::RST));
    let again = |after: u64, seq: u32| {
        resets().map(move |e| PacketEvent {
            time: e.time + after,
            seq: e.seq.wrapping_add(seq),
            ip_id: e.ip_id.wrapping_add(seq as u16),
            ..*e
        })
    };
    let more = [
        whole.clone(),
        again(400 * MS, 1).collect(),
        again(2 * S, 2).collect(),
    ]
    .concat();
    assert_eq!(emitted(&more, 10 * S).0.len(), 1, "of a known connection");
    let late = [
        resets().copied().collect(),
        again(400 * MS, 1).collect::<Vec<_>>(),
    ]
    .concat();
    assert_eq!(emitted(&late, 10 * S).0.len(), 1, "of an unknown one");
}

#[test]
fn connections_whose_end_is_not_looked_at_do_not_pile_up() {
    let mut all: Vec<PacketEvent> = (0..1000)
        .flat_map(|n| {
            let mut one = Connection::new(Route::MeshLocal, Ending::Closed, n);
            one.start += u64::from(n) * MS;
            one.events()
        })
        .collect();
    all.sort_by_key(|e| e.time);
    let (flows, correlator) = emitted(&all, 10 * S);
    assert!(flows.is_empty(), "{:?}", flows.first());
    let statistics = correlator.statistics();
    assert!(statistics.live <= 100, "{statistics:?}");
    assert!(statistics.bytes < 1 << 20, "{statistics:?}");
}
