//! What must hold whatever is lost, doubled, shuffled or alike.

use super::flows;
use crate::flow::Flow;
use crate::synthetic::{At, Connection, Ending, ROUTES, topology};
use crate::sys::clock::Nanos;
use crate::sys::device::DeviceRef;
use crate::timeline::{Proof, Rewrite};
use proptest::prelude::*;
use std::collections::HashMap;
use swarmtrace_common::{PacketEvent, PacketFlags, TcpFlags};

const ENDINGS: [Ending; 6] = [
    Ending::Closed,
    Ending::Open,
    Ending::Idle,
    Ending::Refused,
    Ending::Unanswered,
    Ending::Reset,
];

fn connection() -> impl Strategy<Value = Connection> {
    (
        0..ROUTES.len(),
        0..ENDINGS.len(),
        any::<u32>(),
        any::<bool>(),
        0..3u16,
        0..30_000_000u64,
        prop::option::of(40_000..60_000u16),
        any::<[bool; 2]>(),
    )
        .prop_map(
            |(route, ending, seed, udp, retransmitted, start, nat_port, keys)| {
                let mut connection = Connection::new(ROUTES[route], ENDINGS[ending], seed);
                connection.udp = udp;
                connection.retransmitted = retransmitted;
                connection.start += start;
                connection.nat_port = nat_port.unwrap_or(connection.nat_port);
                if keys[0] && !udp {
                    connection.ip_id = 0;
                }
                if keys[1] {
                    connection.tsval = 0;
                }
                connection
            },
        )
}

/// Connections that a correlator can tell apart at all: no two with one tuple at
/// one time, which no kernel would allow either.
fn connections(most: usize) -> impl Strategy<Value = Vec<Connection>> {
    prop::collection::vec(connection(), 1..=most).prop_map(|mut all| {
        let mut ports = std::collections::HashSet::new();
        all.retain(|c| {
            ports.insert(c.client.port()) & ports.insert(c.nat_port)
                | (c.nat_port == c.client.port())
        });
        let mut seen = std::collections::HashSet::new();
        all.retain(|c| {
            let own = [c.client.port(), c.nat_port];
            let free = own.iter().all(|p| !seen.contains(p));
            seen.extend(own);
            free
        });
        all
    })
}

/// Every event with the number of its connection; no two at one time.
fn events(connections: &[Connection]) -> Vec<(usize, PacketEvent)> {
    let mut all: Vec<(usize, PacketEvent)> = connections
        .iter()
        .enumerate()
        .flat_map(|(number, c)| c.events().into_iter().map(move |e| (number, e)))
        .collect();
    all.sort_by_key(|(_, e)| e.time);
    let mut last = 0;
    for (_, event) in &mut all {
        event.time = event.time.max(last + 1);
        last = event.time;
    }
    all
}

fn bare(events: &[(usize, PacketEvent)]) -> Vec<PacketEvent> {
    events.iter().map(|(_, e)| *e).collect()
}

/// Checks that no flow mixes connections and no sighting was made up; returns
/// how many flows each connection became.
fn check(flows: &[Flow], events: &[(usize, PacketEvent)]) -> HashMap<usize, usize> {
    let truth: HashMap<(u64, DeviceRef), usize> = events
        .iter()
        .map(|(number, e)| ((e.time, DeviceRef::of(e)), *number))
        .collect();
    let mut pieces = HashMap::new();
    for flow in flows {
        let mut owner = None;
        for sighting in flow.packets.iter().flat_map(|p| &p.sightings) {
            let key = (sighting.time.ns(), sighting.at);
            let of = *truth.get(&key).expect("a sighting that nobody made");
            assert_eq!(*owner.get_or_insert(of), of, "two connections in one flow");
        }
        *pieces.entry(owner.expect("an empty flow")).or_default() += 1;
    }
    pieces
}

/// Checks that confirmed edges stand in a conntrack entry that was seen, and
/// that timelines of any flow can be made and printed.
fn check_proofs(flows: &[Flow]) {
    let names = topology(At::A);
    for flow in flows {
        let entries: Vec<_> = flow
            .packets
            .iter()
            .flat_map(|p| &p.sightings)
            .filter_map(|s| s.conntrack)
            .collect();
        let timeline = flow.timeline(&names, Nanos::ZERO);
        for pair in timeline.hops.windows(2) {
            let (from, to) = (&pair[0], &pair[1]);
            let moved = (from.source, from.destination) != (to.source, to.destination);
            match to.proof {
                Proof::First => {}
                Proof::SamePacket => assert!(!moved),
                Proof::SequenceInferred => assert!(moved),
                Proof::ConntrackConfirmed => {
                    assert!(moved);
                    let named = |address| {
                        entries.iter().any(|(original, reply)| {
                            [
                                original.source(),
                                original.destination(),
                                reply.source(),
                                reply.destination(),
                            ]
                            .contains(&address)
                        })
                    };
                    for address in [from.source, from.destination, to.source, to.destination] {
                        assert!(named(address), "{address} is in no entry");
                    }
                }
            }
            if to.proof != Proof::ConntrackConfirmed && to.proof != Proof::First && !moved {
                let nat = |r: &Rewrite| {
                    !matches!(
                        r,
                        Rewrite::Fwmark { .. }
                            | Rewrite::VxlanEncap { .. }
                            | Rewrite::VxlanDecap { .. }
                    )
                };
                assert!(!to.rewrites.iter().any(nat));
            }
        }
        let _ = crate::output::timeline::text::render(
            &timeline,
            &crate::output::timeline::text::Options::default(),
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn nothing_lost_nothing_torn(connections in connections(12)) {
        let events = events(&connections);
        let flows = flows(&bare(&events));
        let pieces = check(&flows, &events);
        check_proofs(&flows);
        for (number, connection) in connections.iter().enumerate() {
            prop_assert_eq!(pieces.get(&number), Some(&1), "{:?}", connection);
        }
    }

    #[test]
    fn any_loss(connections in connections(8), keep in prop::collection::vec(any::<bool>(), 2000)) {
        let mut events = events(&connections);
        let mut keep = keep.iter().cycle();
        events.retain(|_| *keep.next().unwrap());
        let flows = flows(&bare(&events));
        check(&flows, &events);
        check_proofs(&flows);
    }

    #[test]
    fn no_conntrack_no_confirmation(connections in connections(6)) {
        let mut events = events(&connections);
        for (_, event) in &mut events {
            event.flags &= !PacketFlags::CONNTRACK;
        }
        let flows = flows(&bare(&events));
        check(&flows, &events);
        check_proofs(&flows);
        let names = topology(At::A);
        for hop in flows.iter().flat_map(|f| f.timeline(&names, Nanos::ZERO).hops) {
            prop_assert_ne!(hop.proof, Proof::ConntrackConfirmed);
            prop_assert!(hop.then.is_empty());
        }
    }

    #[test]
    fn out_of_order_by_a_millisecond(connections in connections(8), delays in prop::collection::vec(0..1_000_000u64, 400)) {
        let events = events(&connections);
        let mut shuffled: Vec<(u64, PacketEvent)> = events
            .iter()
            .zip(delays.iter().cycle())
            .map(|((_, e), delay)| (e.time + delay, *e))
            .collect();
        shuffled.sort_by_key(|(arrival, _)| *arrival);
        let shuffled: Vec<PacketEvent> = shuffled.into_iter().map(|(_, e)| e).collect();
        prop_assert_eq!(flows(&shuffled), flows(&bare(&events)));
    }

    #[test]
    fn doubled(connections in connections(6), twice in prop::collection::vec(any::<bool>(), 100)) {
        let events = bare(&events(&connections));
        let doubled: Vec<PacketEvent> = events
            .iter()
            .zip(twice.iter().cycle())
            .flat_map(|(e, twice)| std::iter::repeat_n(*e, 1 + usize::from(*twice)))
            .collect();
        prop_assert_eq!(flows(&doubled), flows(&events));
    }

    /// One sequence number, different ports, with or without anything else to
    /// tell the two by.
    #[test]
    fn two_connections_with_one_sequence_number(
        pair in connections(2),
        keep in prop::collection::vec(prop::bool::weighted(0.8), 500),
        conntrack in any::<bool>(),
    ) {
        let mut pair = pair;
        if let [first, second] = &mut pair[..] {
            second.isn = first.isn;
            second.udp = false;
            first.udp = false;
        }
        let mut events = events(&pair);
        let mut keep = keep.iter().cycle();
        events.retain(|_| *keep.next().unwrap());
        if !conntrack {
            for (_, event) in &mut events {
                event.flags &= !PacketFlags::CONNTRACK;
            }
        }
        let flows = flows(&bare(&events));
        check(&flows, &events);
    }

    #[test]
    fn a_tuple_again_and_again(
        connection in connection(),
        again in prop::collection::vec((any::<u32>(), 0..200_000u64), 1..5),
        keep in prop::collection::vec(prop::bool::weighted(0.9), 500),
    ) {
        let mut connection = connection;
        connection.udp = false;
        connection.retransmitted = 0;
        connection.ending = Ending::Closed;
        let mut all = vec![connection];
        let mut clock = connection.events().last().unwrap().time;
        for (isn, pause) in again {
            // Within reach of the last one's numbers nobody can tell them apart.
            if isn.wrapping_sub(connection.isn).min(connection.isn.wrapping_sub(isn)) < 1 << 26 {
                continue;
            }
            connection.isn = isn;
            connection.tsval = connection.tsval.wrapping_add(12_345);
            connection.start = clock + pause;
            clock = connection.events().last().unwrap().time;
            all.push(connection);
        }
        let mut events = events(&all);
        let mut keep = keep.iter().cycle();
        events.retain(|(_, e)| e.tcp_flags.contains(TcpFlags::SYN) || *keep.next().unwrap());
        check(&flows(&bare(&events)), &events);
    }

    /// Bytes that no kernel would send.
    #[test]
    fn nonsense(events in prop::collection::vec(nonsense_event(), 0..300)) {
        let flows = flows(&events);
        let names = topology(At::B);
        for flow in &flows {
            let timeline = flow.timeline(&names, Nanos::new(i64::MIN));
            let _ = crate::output::timeline::text::render(&timeline, &crate::output::timeline::text::Options::default());
            let _ = crate::timeline::join::join(vec![timeline.clone(), timeline]);
        }
    }
}

fn nonsense_event() -> impl Strategy<Value = PacketEvent> {
    let connection = connection();
    let nonsense = (
        connection,
        any::<prop::sample::Index>(),
        any::<(u64, u16, u8, u8)>(),
        prop::collection::vec(any::<bool>(), 5),
    );
    nonsense.prop_map(|(connection, index, (time, flags, tcp_flags, kind), mix)| {
        let events = connection.events();
        let mut event = events[index.index(events.len())];
        if mix[0] {
            event.time = time;
        }
        if mix[1] {
            event.flags = PacketFlags::from_bits_retain(flags);
        }
        if mix[2] {
            event.tcp_flags = TcpFlags::from_bits_retain(tcp_flags);
        }
        if mix[3] {
            event.kind = kind;
            event.direction = kind;
        }
        if mix[4] {
            event.tuple.protocol = kind;
            event.outer = event.tuple;
        }
        event
    })
}
