//! Every route in every ending, nothing lost.

use super::flows;
use crate::synthetic::{At, Connection, Ending, ROUTES, Route, topology};
use crate::sys::clock::Nanos;
use crate::timeline::{Proof, Rewrite, State};

#[test]
fn every_event_of_every_route_is_one_flow() {
    for route in ROUTES {
        for ending in [
            Ending::Closed,
            Ending::Open,
            Ending::Idle,
            Ending::Refused,
            Ending::Unanswered,
            Ending::Reset,
        ] {
            for udp in [false, true] {
                let mut connection = Connection::new(route, ending, 5);
                connection.udp = udp;
                let events = connection.events();
                let flows = flows(&events);
                assert_eq!(flows.len(), 1, "{route:?} {ending:?} udp {udp}");
                let seen: usize = flows[0].packets.iter().map(|p| p.sightings.len()).sum();
                assert_eq!(seen, events.len(), "{route:?} {ending:?} udp {udp}");
            }
        }
    }
}

#[test]
fn states() {
    let state = |ending| {
        let events = Connection::new(Route::MeshRemote, ending, 5).events();
        flows(&events)[0]
            .timeline(&topology(At::A), Nanos::ZERO)
            .state
    };
    assert_eq!(state(Ending::Closed), State::Closed);
    assert_eq!(state(Ending::Open), State::Established);
    assert_eq!(state(Ending::Idle), State::Established);
    assert!(matches!(state(Ending::Refused), State::Refused { .. }));
    assert_eq!(state(Ending::Unanswered), State::Unanswered);
    assert!(matches!(state(Ending::Reset), State::Reset { .. }));
}

#[test]
fn the_mesh_is_named_from_end_to_end() {
    let events = Connection::new(Route::MeshLocal, Ending::Open, 5).events();
    let timeline = flows(&events)[0].timeline(&topology(At::A), Nanos::ZERO);
    assert_eq!(timeline.service.as_deref(), Some("vote"));
    assert_eq!(timeline.task.as_deref(), Some("vote.1"));
    assert_eq!(timeline.task_node.as_deref(), Some("node-a"));
    assert_eq!(timeline.entry, "192.168.50.1:8080".parse().unwrap());
    assert_eq!(timeline.backend, "10.0.0.7:80".parse().ok());
    assert!(timeline.handshake_ns.is_some() && timeline.first_byte_ns.is_some());
    let chosen = &timeline.hops[4];
    assert_eq!(chosen.proof, Proof::ConntrackConfirmed);
    assert!(matches!(
        chosen.rewrites[0],
        Rewrite::Fwmark { mark: 0x101, .. }
    ));
    assert!(matches!(&chosen.rewrites[1], Rewrite::Ipvs { scheduler: Some(s), .. } if s == "rr"));
    assert!(matches!(chosen.rewrites[2], Rewrite::Snat { .. }));
    let last = &timeline.hops[timeline.reached.unwrap()];
    assert_eq!(&*last.namespace, "vote.1");
    assert_eq!(
        last.then,
        [Rewrite::Redirect {
            from_port: 8080,
            to_port: 80
        }]
    );
}
