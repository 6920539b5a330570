//! When a flow is emitted, how often, and what is kept of it.

use super::flows;
use crate::flow::{Correlator, Flow, Lost, Options};
use crate::synthetic::{Connection, Ending, Route};
use crate::sys::clock::Mono;
use crate::timeline::Phase;
use swarmtrace_common::PacketEvent;

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

/// Feeds the events by their own clock, asking every 10 ms, then on until
/// `until` after the first; returns what was emitted and when.
fn emitted(events: &[PacketEvent], until: u64) -> (Vec<(u64, Flow)>, Correlator) {
    let mut correlator = Correlator::new(&Options::default());
    let start = events[0].time;
    let mut emitted = Vec::new();
    let mut events = events.iter().peekable();
    let mut now = start;
    while now < start + until {
        while let Some(event) = events.next_if(|e| e.time <= now) {
            correlator.push(event);
        }
        emitted.extend(
            correlator
                .take_finished(Mono::from_ns(now))
                .into_iter()
                .map(|f| (now - start, f)),
        );
        now += 10 * MS;
    }
    (emitted, correlator)
}

fn events(ending: Ending) -> Vec<PacketEvent> {
    Connection::new(Route::MeshRemote, ending, 9).events()
}

#[test]
fn an_answered_request_is_told_at_once() {
    let (emitted, correlator) = emitted(&events(Ending::Open), 5 * S);
    assert_eq!(emitted.len(), 1);
    assert!(emitted[0].0 < 100 * MS, "{}", emitted[0].0);
    assert_eq!(correlator.statistics().live, 1, "a late reset must find it");
}

#[test]
fn a_closed_connection_is_forgotten() {
    let (emitted, correlator) = emitted(&events(Ending::Closed), S);
    assert_eq!(emitted.len(), 1);
    assert_eq!(correlator.statistics().live, 0);
}

#[test]
fn silence_is_waited_for() {
    let (idle, _) = emitted(&events(Ending::Idle), 5 * S);
    assert!((S..S + 50 * MS).contains(&idle[0].0));
    let (unanswered, _) = emitted(&events(Ending::Unanswered), 10 * S);
    assert_eq!(unanswered.len(), 1, "the third SYN is no news");
    assert!((3 * S..3 * S + 50 * MS).contains(&unanswered[0].0));
}

#[test]
fn a_late_reset_is_told_as_a_revision() {
    let (emitted, correlator) = emitted(&events(Ending::Reset), 5 * S);
    assert_eq!(emitted.len(), 2);
    assert_eq!((emitted[0].1.revision, emitted[1].1.revision), (0, 1));
    assert_eq!(emitted[0].1.number, emitted[1].1.number);
    assert_eq!(correlator.statistics().live, 0);
}

#[test]
fn an_answer_after_all_is_told_as_a_revision() {
    let mut connection = Connection::new(Route::MeshLocal, Ending::Open, 9);
    connection.retransmitted = 4;
    let (emitted, _) = emitted(&connection.events(), 8 * S);
    assert_eq!(emitted.len(), 2);
    assert!(
        emitted[1]
            .1
            .packets
            .iter()
            .any(|p| p.phase == Phase::SynAck)
    );
}

#[test]
fn a_tuple_used_again_is_another_flow() {
    let first = Connection::new(Route::MeshRemote, Ending::Closed, 9);
    let mut second = first;
    second.isn = first.isn.wrapping_add(0x4000_0000);
    second.start = first.start + 2 * MS;
    let mut events = first.events();
    let both = events.len() + second.events().len();
    events.extend(second.events());
    events.sort_by_key(|e| e.time);
    let flows = flows(&events);
    assert_eq!(flows.len(), 2);
    let sightings: usize = flows
        .iter()
        .flat_map(|f| &f.packets)
        .map(|p| p.sightings.len())
        .sum();
    assert_eq!(sightings, both);
}

#[test]
fn a_udp_exchange_ends_with_silence() {
    let mut first = Connection::new(Route::VipRemote, Ending::Open, 9);
    first.udp = true;
    let mut soon = first;
    soon.start += 300 * MS;
    soon.isn ^= 0x4d;
    let mut later = first;
    later.start += 3 * S;
    later.isn ^= 0x63;
    let mut events = first.events();
    events.extend(soon.events());
    assert_eq!(flows(&events).len(), 1, "one burst is one exchange");
    let events = [first.events(), later.events()].concat();
    assert_eq!(flows(&events).len(), 2);
}

#[test]
fn a_connection_older_than_the_trace_is_not_told_of() {
    let events = events(Ending::Closed);
    let late: Vec<PacketEvent> = events
        .iter()
        .filter(|e| !e.tcp_flags.contains(swarmtrace_common::TcpFlags::SYN))
        .copied()
        .collect();
    let mut correlator = Correlator::new(&Options::default());
    for event in &late {
        correlator.push(event);
    }
    assert!(correlator.finish().is_empty());
    assert_eq!(correlator.statistics().unplaced, late.len() as u64);
}

#[test]
fn a_lost_syn_leaves_a_flow_that_says_so() {
    let events = events(Ending::Open);
    let late: Vec<PacketEvent> = events
        .iter()
        .filter(|e| {
            !e.tcp_flags.contains(swarmtrace_common::TcpFlags::SYN)
                || e.tcp_flags.contains(swarmtrace_common::TcpFlags::ACK)
        })
        .copied()
        .collect();
    let flows = flows(&late);
    assert_eq!(flows.len(), 1);
    assert!(!flows[0].start_seen);
}

#[test]
fn there_are_never_more_flows_than_allowed() {
    let options = Options {
        max_flows: 100,
        ..Options::default()
    };
    let mut correlator = Correlator::new(&options);
    for seed in 0..1_000 {
        let mut connection = Connection::new(Route::MeshLocal, Ending::Unanswered, seed);
        connection.start += u64::from(seed) * MS;
        for event in connection.events().iter().take(8) {
            correlator.push(event);
        }
    }
    let counted = correlator.statistics();
    assert!(counted.live <= 100);
    assert!(counted.evicted >= 890);
    assert_eq!(correlator.finish().len(), counted.live.max(100));
}

#[test]
fn one_flow_cannot_grow_without_end() {
    let connection = Connection::new(Route::MeshLocal, Ending::Unanswered, 3);
    let mut correlator = Correlator::new(&Options::default());
    for round in 0..5_000u64 {
        for event in connection.events().iter().take(8) {
            let event = PacketEvent {
                time: event.time + round * 10 * MS,
                ip_id: round as u16,
                ..*event
            };
            correlator.push(&event);
        }
    }
    assert!(correlator.statistics().bytes < 100_000);
    let flows = correlator.finish();
    assert_eq!(flows.len(), 1);
    assert!(flows[0].omitted > 0);
}

#[test]
fn lost_events_are_said() {
    let events = events(Ending::Open);
    let mut correlator = Correlator::new(&Options::default());
    for event in &events {
        correlator.push(event);
    }
    correlator.take_finished(Mono::from_ns(events[4].time));
    let by = events[4].time;
    correlator.record_lost(Lost {
        count: 12,
        by: Mono::from_ns(by),
    });
    assert_eq!(correlator.finish()[0].events_lost, 12);
}

/// What was lost last is known first: before the events that were older, and waited
/// to be read.
#[test]
fn a_loss_is_that_of_all_who_began_before_it() {
    let events = events(Ending::Open);
    for (by, lost) in [
        (events[0].time - 1, 0),
        (events[0].time, 12),
        (events[4].time, 12),
    ] {
        let mut correlator = Correlator::new(&Options::default());
        correlator.record_lost(Lost {
            count: 12,
            by: Mono::from_ns(by),
        });
        for event in &events {
            correlator.push(event);
        }
        assert_eq!(correlator.finish()[0].events_lost, lost, "by {by}");
    }
}
