//! ICMP errors, IPv6, a port that NAT had to change, and tuples that exist
//! twice.

use super::{flows, told_by};
use crate::synthetic::{At, Connection, Ending, ROUTES, Route, topology};
use crate::sys::clock::Nanos;
use crate::timeline::{Leg, Phase, Proof, State};
use swarmtrace_common::{PacketEvent, PacketFlags, TcpFlags, Tuple};

/// The first `kept` events of a connection, then an ICMP error that takes the
/// same way back.
fn unreachable(connection: &Connection, kept: usize) -> Vec<PacketEvent> {
    let mut events: Vec<PacketEvent> = connection.events().into_iter().take(kept).collect();
    let client = connection.client;
    let mut clock = events[kept - 1].time;
    for there in events.clone().iter().rev() {
        clock += 5_000;
        let mut outer = Tuple::new(1, "172.18.0.2:3".parse().unwrap(), client);
        outer.dst_port = 3;
        events.push(PacketEvent {
            time: clock,
            direction: 1 - there.direction,
            flags: PacketFlags::ICMP_ERROR,
            tcp_flags: TcpFlags::empty(),
            ip_id: 4711,
            outer,
            ..*there
        });
    }
    events
}

#[test]
fn an_icmp_error_belongs_to_the_flow_that_it_quotes() {
    for udp in [false, true] {
        let mut connection = Connection::new(Route::MeshLocal, Ending::Unanswered, 8);
        connection.udp = udp;
        let events = unreachable(&connection, 4);
        let flows = flows(&events);
        assert_eq!(flows.len(), 1);
        let timeline = flows[0].timeline(&topology(At::A), Nanos::ZERO);
        assert_eq!(timeline.hops.len(), 8);
        let State::IcmpError {
            by,
            kind: 3,
            code: 3,
        } = timeline.state
        else {
            panic!("{:?}", timeline.state);
        };
        assert_eq!(&*timeline.hops[by].namespace, "ingress_sbox");
        assert_eq!(
            (timeline.hops[by].phase, timeline.hops[by].leg),
            (Phase::IcmpError, Leg::Reply)
        );
        assert_eq!(timeline.reached, Some(3));
    }
}

#[test]
fn an_icmp_error_without_a_flow_is_counted_only() {
    let connection = Connection::new(Route::MeshLocal, Ending::Unanswered, 8);
    let errors = unreachable(&connection, 4).split_off(4);
    assert!(flows(&errors).is_empty());
}

/// The same event among IPv6 addresses.
fn v6(event: &PacketEvent) -> PacketEvent {
    let wide = |tuple: &Tuple| {
        let mut tuple = *tuple;
        for address in [&mut tuple.src, &mut tuple.dst] {
            if address[10..12] == [0xff, 0xff] {
                address[..12].copy_from_slice(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
            }
        }
        tuple
    };
    PacketEvent {
        flags: event.flags | PacketFlags::IPV6,
        ip_id: 0,
        tuple: wide(&event.tuple),
        original: wide(&event.original),
        reply: wide(&event.reply),
        ..*event
    }
}

#[test]
fn ipv6_on_every_route() {
    for route in ROUTES {
        for udp in [false, true] {
            let mut connection = Connection::new(route, Ending::Closed, 8);
            connection.udp = udp;
            let events: Vec<PacketEvent> = connection.events().iter().map(v6).collect();
            let flows = flows(&events);
            assert_eq!(flows.len(), 1, "{route:?} udp {udp}");
            let seen: usize = flows[0].packets.iter().map(|p| p.sightings.len()).sum();
            assert_eq!(seen, events.len());
            assert!(
                flows[0]
                    .timeline(&topology(At::A), Nanos::ZERO)
                    .client
                    .is_ipv6()
            );
        }
    }
}

#[test]
fn a_changed_port_is_followed_with_and_without_conntrack() {
    for conntrack in [true, false] {
        let mut connection = Connection::new(Route::MeshRemote, Ending::Closed, 8);
        connection.nat_port = 61_000;
        let mut events = connection.events();
        if !conntrack {
            for event in &mut events {
                event.flags &= !PacketFlags::CONNTRACK;
            }
        }
        let flows = flows(&events);
        assert_eq!(flows.len(), 1);
        let timeline = flows[0].timeline(&topology(At::A), Nanos::ZERO);
        let expected = if conntrack {
            Proof::ConntrackConfirmed
        } else {
            Proof::SequenceInferred
        };
        assert_eq!(timeline.hops[4].proof, expected);
        assert_eq!(timeline.hops[4].source, "10.0.0.2:61000".parse().unwrap());
    }
}

/// Two nodes as namespaces of one kernel, both with a 172.18.0.2, one client
/// port towards both.
#[test]
fn one_tuple_in_two_namespaces_is_two_flows() {
    let first = Connection::new(Route::MeshLocal, Ending::Closed, 8);
    let mut second = first;
    second.isn = second.isn.wrapping_mul(3);
    second.start += 3_000;
    let mut events = first.events();
    let other = second.events().into_iter().map(|e| PacketEvent {
        netns: e.netns + 1_000,
        ..e
    });
    events.extend(other);
    events.sort_by_key(|e| e.time);
    let flows = flows(&events);
    assert_eq!(flows.len(), 2);
    for flow in flows {
        let mut sightings = flow.packets.iter().flat_map(|p| &p.sightings);
        let home = sightings.next().unwrap().at.namespace > 1_000;
        assert!(sightings.all(|s| (s.at.namespace > 1_000) == home));
    }
}

#[test]
fn an_answer_that_stops_on_its_way_back() {
    let mut events = Connection::new(Route::MeshLocal, Ending::Idle, 8).events();
    events.truncate(11);
    let timeline = flows(&events)[0].timeline(&topology(At::A), Nanos::ZERO);
    let State::AnswerLost { last } = timeline.state else {
        panic!("{:?}", timeline.state);
    };
    assert_eq!(&*timeline.hops[last].device, "veth0");

    // Sent again, and the trace ends while that is still under way.
    let answer = |e: &&PacketEvent| e.tcp_flags == TcpFlags::SYN | TcpFlags::ACK;
    let first = *events.iter().find(answer).unwrap();
    events.push(PacketEvent {
        time: first.time + 1_000_000_000,
        skb: first.skb + 64,
        ip_id: first.ip_id.wrapping_add(1),
        tsval: first.tsval.wrapping_add(1000),
        ..first
    });
    let timeline = flows(&events)[0].timeline(&topology(At::A), Nanos::ZERO);
    assert_eq!(timeline.hops.last().unwrap().attempt, 2);
    assert_eq!(timeline.state, State::AnswerLost { last });
}

#[test]
fn a_node_that_the_topology_does_not_know() {
    let connection = Connection::new(Route::MeshRemote, Ending::Closed, 8);
    let flow = &flows(&connection.events())[0];
    let timeline = flow.timeline(&crate::topology::Topology::default(), Nanos::ZERO);
    assert_eq!(timeline.service, None);
    assert!(timeline.hops[0].namespace.starts_with("ns:"));
    assert!(
        told_by(At::B, &connection.events(), 0)[0]
            .came_from
            .is_some()
    );
}
