//! The packets that two nodes' parts of one connection share.

use crate::flow::{Leg, Phase};
use crate::sys::clock::{Mono, Nanos};
use crate::timeline::clock_estimate::Interval;
use crate::timeline::hop::{Hop, PacketKey};
use crate::timeline::model::Timeline;
use crate::timeline::state::same_packet;
use std::collections::HashMap;

/// See [`id`].
pub(super) type Id = (Phase, Leg, PacketKey);

/// What identifies a hop's transmission on both nodes.
pub(super) fn id(hop: &Hop) -> Id {
    let mut key = hop.packet;
    // A network card may cut or merge segments on the way.
    key.payload_length = 0;
    (hop.phase, hop.leg, key)
}

/// A part's packets, each as the range of its hops.
pub(super) fn packets(timeline: &Timeline) -> HashMap<Id, &[Hop]> {
    let mut all = HashMap::new();
    for packet in timeline.hops.chunk_by(same_packet) {
        if let Some(first) = packet.first() {
            all.entry(id(first)).or_insert(packet);
        }
    }
    all
}

/// Every exchange that both parts saw, by the near node's time.
pub(super) fn exchanges(near: &Timeline, far: &Timeline) -> Vec<(Mono, Interval)> {
    let (near, far) = (packets(near), packets(far));
    let mut there = Vec::new();
    let mut back = Vec::new();
    for (id, near) in &near {
        let Some(far) = far.get(id) else { continue };
        match id.1 {
            Leg::Forward => {
                if let (Some(out), Some(into)) = (near.last(), far.first()) {
                    there.push((out.time_ns, into.time_ns));
                }
            }
            Leg::Reply => {
                if let (Some(out), Some(into)) = (far.last(), near.first()) {
                    back.push((out.time_ns, into.time_ns));
                }
            }
        }
    }
    let mut all = Vec::new();
    for &(t1, t2) in &there {
        for &(t3, t4) in &back {
            all.extend(Interval::of(t1, t2, t3, t4).map(|interval| (t1, interval)));
        }
    }
    all
}

/// The most that a connection's own packets allow the far clock to be ahead,
/// and the least.
pub(super) fn limits(near: &Timeline, far: &Timeline) -> (Option<Nanos>, Option<Nanos>) {
    let (near, far) = (packets(near), packets(far));
    let (mut low, mut high) = (None::<Nanos>, None::<Nanos>);
    for (id, near) in &near {
        let Some(far) = far.get(id) else { continue };
        match id.1 {
            Leg::Forward => {
                if let (Some(out), Some(into)) = (near.last(), far.first()) {
                    let most = into.time_ns - out.time_ns;
                    high = Some(high.map_or(most, |h| h.min(most)));
                }
            }
            Leg::Reply => {
                if let (Some(out), Some(into)) = (far.last(), near.first()) {
                    let least = out.time_ns - into.time_ns;
                    low = Some(low.map_or(least, |l| l.max(least)));
                }
            }
        }
    }
    (low, high)
}
