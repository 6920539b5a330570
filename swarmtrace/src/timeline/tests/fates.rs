//! Drops and resets find their flow, and no other.

use super::flows;
use crate::capture::Event;
use crate::flow::{Correlator, Flow, Options};
use crate::output::style::plain;
use crate::output::timeline::text;
use crate::synthetic::{At, Connection, Ending, ROUTES, Route, topology};
use crate::sys::clock::{Mono, Nanos};
use crate::sys::kernel_names::KernelNames;
use proptest::prelude::*;
use std::collections::BTreeMap;
use swarmtrace_common::{
    EventKind, FateEvent, NO_REASON, PacketEvent, PacketFlags, TcpFlags, Tuple,
};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;
const SITE: u64 = 0xffff_ffff_8203_39c0;
const NO_SOCKET: u32 = 3;

fn fate(packet: &PacketEvent, kind: EventKind, reason: u32) -> FateEvent {
    FateEvent {
        packet: PacketEvent {
            kind: kind as u8,
            direction: 0,
            time: packet.time + 100,
            ..*packet
        },
        location: SITE,
        reason,
        padding: 0,
    }
}

/// That packet dropped where it was just seen.
fn dropped(packet: &PacketEvent) -> Event {
    Event::Drop(fate(packet, EventKind::Drop, NO_SOCKET))
}

fn emitted(events: impl IntoIterator<Item = Event>) -> Vec<Flow> {
    let mut correlator = Correlator::new(&Options::default());
    events.into_iter().for_each(|event| correlator.push(event));
    correlator.finish()
}

fn events(connection: &Connection) -> Vec<Event> {
    connection.events().iter().map(Event::from).collect()
}

/// Tells as time goes by, for `until` nanoseconds after the first event.
fn told_in_time(mut events: Vec<Event>, until: u64) -> (Vec<Flow>, Correlator) {
    events.sort_by_key(Event::time);
    let start = events.first().map_or(0, |event| event.time().ns());
    let mut correlator = Correlator::new(&Options::default());
    let mut events = events.into_iter().peekable();
    let mut emitted = Vec::new();
    for now in (start..start + until).step_by(10 * MS as usize) {
        while let Some(event) = events.next_if(|e| e.time().ns() <= now) {
            correlator.push(event);
        }
        emitted.extend(correlator.take_finished(Mono::from_ns(now)));
    }
    (emitted, correlator)
}

#[test]
fn a_drop_of_any_packet_anywhere_is_its_flows() {
    for (route, udp) in ROUTES.iter().flat_map(|r| [(*r, false), (*r, true)]) {
        for ending in [Ending::Closed, Ending::Refused, Ending::Unanswered] {
            let mut connection = Connection::new(route, ending, 9);
            connection.udp = udp;
            let packets = connection.events();
            let without = flows(&packets);
            for packet in &packets {
                let event = dropped(packet);
                let found = emitted(packets.iter().map(Event::from).chain([event]));
                assert_eq!(found.len(), 1, "{route:?} {ending:?}");
                let drop = found[0].drops[0];
                let at = (drop.netns, drop.ifindex, drop.tuple, drop.reason);
                let expected = (packet.netns, packet.ifindex, packet.tuple, NO_SOCKET);
                assert_eq!((at, drop.location), (expected, SITE));
                let found = Flow {
                    drops: Vec::new(),
                    ..found[0].clone()
                };
                assert_eq!([found], without[..], "a drop is no sighting");
            }
        }
    }
}

#[test]
fn a_packet_behind_a_translation_is_known_by_its_conntrack_entry() {
    let connection = Connection::new(Route::MeshLocal, Ending::Refused, 9);
    let packets = connection.events();
    let last = packets
        .iter()
        .rfind(|p| p.tcp_flags == TcpFlags::SYN)
        .unwrap();
    let inner = Tuple {
        dst_port: 80,
        ..last.tuple
    };
    let mut syn = fate(last, EventKind::Drop, NO_SOCKET);
    syn.packet.tuple = inner;
    syn.packet.original = last.tuple;
    syn.packet.reply = inner.reversed();
    syn.packet.flags |= PacketFlags::CONNTRACK;
    let mut reset = fate(&syn.packet, EventKind::ResetSent, 1);
    reset.packet.tuple = inner.reversed();
    reset.packet.tcp_flags = TcpFlags::RST | TcpFlags::ACK;
    (reset.packet.seq, reset.packet.ack) = (0, connection.isn.wrapping_add(1));
    let more = [Event::Drop(syn), Event::ResetSent(reset)];
    let flow = &emitted(packets.iter().map(Event::from).chain(more))[0];
    assert_eq!(flow.drops[0].tuple, inner);
    assert_eq!(flow.resets[0].tuple, inner.reversed());
    assert_eq!(flow.resets[0].netns, last.netns);

    // Without the entry, nothing says whose they are.
    (syn.packet.flags, syn.packet.ip_id) = (PacketFlags::empty(), 0);
    reset.packet.flags = PacketFlags::empty();
    reset.packet.tuple.src_port = 81;
    reset.packet.tuple.dst_port = 1;
    syn.packet.tuple.src_port = 1;
    let more = [Event::Drop(syn), Event::ResetSent(reset)];
    let flow = &emitted(packets.iter().map(Event::from).chain(more))[0];
    assert_eq!((flow.drops.len(), flow.resets.len()), (0, 0));
}

#[test]
fn another_connections_packet_is_not_taken() {
    let connection = Connection::new(Route::MeshRemote, Ending::Closed, 9);
    let packets = connection.events();
    for packet in &packets {
        // Used again, with the same sk_buff, mark and addresses.
        let mut other = fate(packet, EventKind::Drop, NO_SOCKET);
        other.packet.seq = packet.seq.wrapping_add(0x4000_0000);
        other.packet.ack = packet.ack.wrapping_add(0x4000_0000);
        let flow = &emitted(packets.iter().map(Event::from).chain([Event::Drop(other)]))[0];
        assert_eq!(flow.drops, [], "{packet:?}");
    }
}

#[test]
fn a_drop_before_the_first_sighting_waits_for_it() {
    let connection = Connection::new(Route::VipLocal, Ending::Closed, 9);
    let first = connection.events()[0];
    let early = |before: u64, time: u64| {
        let mut drop = fate(&first, EventKind::Drop, NO_SOCKET);
        drop.packet.time = first.time + time - before;
        // On its way out it has no device yet.
        drop.packet.ifindex = 0;
        drop.packet.ip_id = drop.packet.ip_id.wrapping_sub(1);
        Event::Drop(drop)
    };
    let mut late = connection;
    late.start += 10 * S;
    let shifted: Vec<Event> = events(&late);
    let all = [
        vec![early(3 * S, 10 * S), early(S, 10 * S)],
        shifted.clone(),
    ]
    .concat();
    let (flows, _) = told_in_time(all, 6 * S);
    assert_eq!(flows[0].drops.len(), 2);
    assert!(flows[0].start_seen);

    // Not for ever, and not for another connection.
    let mut other = late;
    other.isn ^= 1;
    let all = [vec![early(3 * S, 10 * S)], events(&other)].concat();
    let (flows, correlator) = told_in_time(all, 10 * S);
    assert_eq!(flows[0].drops, []);
    assert_eq!(correlator.statistics().unplaced, 1);
}

#[test]
fn a_flow_is_told_again_for_news_alone() {
    let connection = Connection::new(Route::MeshLocal, Ending::Open, 9);
    let packets = connection.events();
    let last = packets.last().unwrap();
    let after = |wait: u64, reason: u32| {
        let mut drop = fate(last, EventKind::Drop, reason);
        drop.packet.time += wait;
        Event::Drop(drop)
    };
    let mut all = events(&connection);
    all.push(after(S, NO_SOCKET));
    all.push(after(2 * S, NO_SOCKET));
    all.push(after(3 * S, 12));
    let (flows, _) = told_in_time(all, 5 * S);
    let revisions: Vec<(u32, usize)> = flows.iter().map(|f| (f.revision, f.drops.len())).collect();
    assert_eq!(revisions, [(0, 0), (1, 1), (2, 3)]);

    // What is freed when both ends have closed is no news.
    let closed = Connection::new(Route::MeshLocal, Ending::Closed, 9);
    let mut all = events(&closed);
    let last = *closed.events().last().unwrap();
    all.push(dropped(&last));
    let mut later = fate(&last, EventKind::Drop, NO_SOCKET);
    later.packet.time += 20 * MS;
    all.push(Event::Drop(later));
    let (flows, _) = told_in_time(all, 5 * S);
    assert_eq!(flows.len(), 1);
}

#[test]
fn a_flow_keeps_no_more_than_a_few() {
    let connection = Connection::new(Route::MeshLocal, Ending::Unanswered, 9);
    let packets = connection.events();
    let many = (0..5000_u64).map(|n| {
        let mut drop = fate(&packets[0], EventKind::Drop, NO_SOCKET);
        drop.packet.time += n;
        Event::Drop(drop)
    });
    let flow = &emitted(packets.iter().map(Event::from).chain(many))[0];
    assert_eq!(flow.drops.len(), 16);

    // Nor do those that belong to nobody pile up.
    let mut correlator = Correlator::new(&Options::default());
    for n in 0..5000 {
        let mut stray = fate(&packets[0], EventKind::Drop, NO_SOCKET);
        stray.packet.time += n;
        correlator.push(Event::Drop(stray));
    }
    correlator.take_finished(Mono::from_ns(packets[0].time + S));
    assert_eq!(correlator.statistics().unplaced, 5000 - 1024);
    correlator.take_finished(Mono::from_ns(packets[0].time + 10 * S));
    assert_eq!(correlator.statistics().unplaced, 5000);
}

#[test]
fn a_timeline_has_the_kernels_names() {
    let connection = Connection::new(Route::MeshLocal, Ending::Refused, 9);
    let packets = connection.events();
    let place = topology(At::A);
    let syn = packets
        .iter()
        .rfind(|p| p.tcp_flags == TcpFlags::SYN)
        .unwrap();
    let named = place.namespace(syn.netns).unwrap().name.clone();
    let reset = FateEvent {
        location: 0,
        ..fate(
            packets
                .iter()
                .find(|p| p.tcp_flags.contains(TcpFlags::RST))
                .unwrap(),
            EventKind::ResetSent,
            1,
        )
    };
    let mut bare = fate(syn, EventKind::Drop, NO_REASON);
    (bare.packet.ifindex, bare.packet.netns) = (0, 0);
    bare.packet.time += 1;
    let more = [dropped(syn), Event::Drop(bare), Event::ResetSent(reset)];
    let flow = &emitted(packets.iter().map(Event::from).chain(more))[0];
    let kernel = KernelNames::given(
        BTreeMap::from([(NO_SOCKET, "SKB_DROP_REASON_NO_SOCKET".to_owned())]),
        BTreeMap::from([(1, "SK_RST_REASON_NO_SOCKET".to_owned())]),
        &BTreeMap::from([(SITE - 0x1f, "tcp_v4_rcv".to_owned())]),
    );
    let timeline = flow.timeline_with(&place, Nanos::ZERO, &kernel);
    assert!(timeline.drops[0].is(&["NO_SOCKET"]) && timeline.drops[0].at(&["tcp_v4_rcv"]));
    assert_eq!(timeline.drops[0].node, place.hostname);
    assert_eq!(timeline.drops[1].reason, None);
    assert_eq!(timeline.resets[0].reason(), Some("NO_SOCKET"));
    let device = timeline.drops[0].device.clone().unwrap();
    let page = plain(&text::render(&timeline, &text::Options::default()));
    for line in [
        format!("  dropped in {named} ({device}): NO_SOCKET at tcp_v4_rcv+0x1f"),
        "  dropped in an unknown namespace at tcp_v4_rcv+0x1f".to_owned(),
        format!(
            "  reset sent by {}: NO_SOCKET",
            timeline.resets[0].namespace
        ),
    ] {
        assert!(
            page.lines().any(|found| found == line),
            "{line:?} in\n{page}"
        );
    }

    // A kernel that names nothing is quoted by number.
    let timeline = flow.timeline(&place, Nanos::ZERO);
    assert_eq!(timeline.drops[0].reason.as_deref(), Some("3"));
    assert_eq!(timeline.drops[0].symbol, None);
}

#[test]
fn the_routine_end_of_a_connection_is_no_drop() {
    let connection = Connection::new(Route::MeshLocal, Ending::Closed, 9);
    let packets = connection.events();
    for packet in &packets {
        let freed = Event::Drop(fate(packet, EventKind::Drop, NO_REASON));
        let flow = &emitted(packets.iter().map(Event::from).chain([freed]))[0];
        let bare = packet.payload_length == 0 && !packet.tcp_flags.contains(TcpFlags::SYN);
        assert_eq!(flow.drops.is_empty(), bare, "{packet:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_flow_has_another_ones_drops(
        seeds in prop::collection::vec((any::<u32>(), 0..ROUTES.len(), any::<bool>()), 1..6),
        kept in any::<u64>(),
        kinds in any::<[bool; 2]>(),
    ) {
        // Every connection's reasons are its own number.
        let mut all: Vec<Event> = Vec::new();
        let mut owners = BTreeMap::new();
        let mut ports = std::collections::BTreeSet::new();
        for (number, (seed, route, udp)) in seeds.iter().enumerate() {
            let mut connection = Connection::new(ROUTES[*route], Ending::Closed, *seed);
            connection.udp = *udp;
            connection.start += number as u64 * 10_007;
            if kinds[0] {
                (connection.ip_id, connection.tsval) = (0, 0);
            }
            if !ports.insert(connection.client.port()) {
                continue;
            }
            for (index, packet) in connection.events().iter().enumerate() {
                // Some packets are seen and dropped, some only the one.
                if kept.rotate_left(index as u32) & 1 == 0 || kinds[1] {
                    all.push(Event::from(packet));
                    owners.insert((packet.time, packet.netns, packet.tuple), number);
                }
                if index % 3 == 0 {
                    let reason = number as u32;
                    all.push(Event::Drop(fate(packet, EventKind::Drop, reason)));
                }
            }
        }
        all.sort_by_key(Event::time);
        for flow in emitted(all) {
            for sighting in flow.packets.iter().flat_map(|p| &p.sightings) {
                let owner = owners[&(sighting.time.ns(), sighting.at.namespace, sighting.tuple)];
                for drop in &flow.drops {
                    prop_assert_eq!(drop.reason as usize, owner);
                }
            }
        }
    }
}
