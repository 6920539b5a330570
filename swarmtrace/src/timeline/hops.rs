//! From sightings to hops.

use super::edges::{self, Translations};
use super::hop::{Conntrack, Hop, Icmp, PacketKey, Proof};
use super::names::Names;
use super::rewrite::Rewrite;
use super::tap_names::TapNames;
use crate::flow::{Flow, FlowPacket, Leg, Phase, Sighting};
use crate::sys::clock::{Mono, Nanos};

/// Every hop of a flow, by packet. `start` is the time of the first.
pub(super) fn hops(flow: &Flow, names: Names<'_>, known: &Translations, start: Mono) -> Vec<Hop> {
    let mut taps = TapNames::new(names);
    let mut hops = Vec::with_capacity(flow.packets.iter().map(|p| p.sightings.len()).sum());
    for packet in &flow.packets {
        // An ICMP error's addresses are the quoted packet's, which goes the
        // other way.
        let leg = match packet.phase {
            Phase::IcmpError => packet.leg.opposite(),
            _ => packet.leg,
        };
        let mut before: Option<&Sighting> = None;
        for sighting in &packet.sightings {
            let (mut rewrites, proof) = match before {
                None => edges::first(names, known, leg, sighting),
                Some(from) => edges::between(names, known, leg, from, sighting),
            };
            if packet.phase == Phase::IcmpError {
                // The quoted addresses follow the translation back.
                rewrites.clear();
            }
            hops.push(hop(packet, sighting, &mut taps, start, rewrites, proof));
            before = Some(sighting);
        }
        if let (Some(last), Some(hop)) = (before, hops.last_mut())
            && packet.phase != Phase::IcmpError
            && packet.leg == Leg::Forward
        {
            hop.then = edges::last(names, known, leg, last);
        }
    }
    hops
}

fn hop(
    packet: &FlowPacket,
    sighting: &Sighting,
    taps: &mut TapNames<'_>,
    start: Mono,
    rewrites: Vec<Rewrite>,
    proof: Proof,
) -> Hop {
    let tap = taps.tap(sighting.at);
    Hop {
        node: taps.node(),
        netns: sighting.at.namespace,
        namespace: tap.namespace,
        place: tap.place,
        ifindex: sighting.at.ifindex,
        device: tap.device,
        role: tap.role,
        way: sighting.way,
        time_ns: sighting.time,
        offset_ns: sighting.time - start,
        uncertainty_ns: Some(Nanos::ZERO),
        phase: packet.phase,
        attempt: packet.attempt,
        packet: PacketKey {
            seq: packet.seq,
            ack: packet.ack,
            tsval: packet.tsval,
            ip_id: packet.ip_id,
            payload_length: packet.payload_length,
        },
        leg: packet.leg,
        source: sighting.tuple.source(),
        destination: sighting.tuple.destination(),
        mark: sighting.mark,
        vxlan: sighting
            .vxlan
            .as_ref()
            .map(|(vni, outer)| taps.vxlan(*vni, outer)),
        icmp: sighting.icmp.as_ref().map(|outer| Icmp {
            from: outer.source().ip(),
            to: outer.destination().ip(),
            kind: u8::try_from(outer.src_port).unwrap_or(u8::MAX),
            code: u8::try_from(outer.dst_port).unwrap_or(u8::MAX),
        }),
        conntrack: sighting
            .conntrack
            .as_ref()
            .map(|(original, reply)| Conntrack {
                original: (original.source(), original.destination()),
                reply: (reply.source(), reply.destination()),
            }),
        rewrites,
        then: Vec::new(),
        proof,
    }
}
