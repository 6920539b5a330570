//! Two nodes' parts of one connection become one timeline.

use super::exchanges::{id, limits, packets};
use super::pairing::node;
use crate::flow::Leg;
use crate::sys::clock::Nanos;
use crate::timeline::clock_estimate::Clock;
use crate::timeline::hop::{Hop, Proof};
use crate::timeline::model::{Gap, JoinKey, NodeClock, State, Timeline};
use crate::timeline::rewrite::Rewrite;
use crate::timeline::state::{reached, same_packet, state};

/// The two parts as one timeline, in the order of the path.
pub(super) fn merge(near: &Timeline, far: &Timeline, clock: Option<&Clock>) -> Timeline {
    let estimate = clock.and_then(|c| c.at(near.started_monotonic));
    let (low, high) = limits(near, far);
    // Without any exchange: as if the first packet had taken no time.
    let guess = high
        .or(low)
        .unwrap_or_else(|| far.started_monotonic - near.started_monotonic);
    let mut offset = estimate.map_or(guess, |e| e.offset);
    offset = high.map_or(offset, |high| offset.min(high));
    offset = low.map_or(offset, |low| offset.max(low));
    let bound = estimate.map(|e| e.bound);

    let mut hops = stitch(near, far, offset, bound);
    let start = near.started_monotonic;
    fix_order(&mut hops);
    let closed = [near, far].iter().any(|t| t.state == State::Closed);
    let flat: Vec<Hop> = hops.into_iter().flatten().collect();
    let duration = flat.iter().map(|h| h.offset_ns).max().unwrap_or_default();
    let mut gaps = near.gaps.clone();
    gaps.extend(
        far.gaps
            .iter()
            .filter(|gap| !near.gaps.contains(gap))
            .cloned(),
    );
    gaps.retain(|gap| *gap != Gap::OtherNodeMissing);
    Timeline {
        nodes: vec![node(near).to_owned(), node(far).to_owned()],
        service: near.service.clone().or_else(|| far.service.clone()),
        task: far.task.clone().or_else(|| near.task.clone()),
        task_node: far.task_node.clone().or_else(|| near.task_node.clone()),
        backend: far.backend.or(near.backend).or(Some(far.entry)),
        state: state(near.protocol, closed, &flat),
        reached: reached(&flat),
        started: near.started,
        started_monotonic: start,
        handshake_ns: near.handshake_ns.or(far.handshake_ns),
        first_byte_ns: near.first_byte_ns.or(far.first_byte_ns),
        duration_ns: duration.max(Nanos::ZERO),
        key: JoinKey {
            server_isn: near.key.server_isn.or(far.key.server_isn),
            ..near.key.clone()
        },
        left_for: None,
        came_from: near.came_from.clone(),
        retransmissions: near.retransmissions.max(far.retransmissions),
        gaps,
        revision: near.revision.max(far.revision),
        hops: flat,
        clocks: vec![NodeClock {
            node: node(far).to_owned(),
            offset_ns: offset,
            bound_ns: bound,
            samples: estimate.map_or(0, |e| e.samples),
        }],
        flooded: near.flooded.saturating_add(far.flooded),
        drops: [near.drops.as_slice(), &far.drops].concat(),
        resets: [near.resets.as_slice(), &far.resets].concat(),
        ..near.clone()
    }
}

/// Both parts' packets, each packet's hops in the order of the path.
fn stitch(near: &Timeline, far: &Timeline, offset: Nanos, bound: Option<Nanos>) -> Vec<Vec<Hop>> {
    let shifted = |hop: &Hop| Hop {
        offset_ns: hop.time_ns - near.started_monotonic - offset,
        uncertainty_ns: bound,
        ..hop.clone()
    };
    let theirs = packets(far);
    let mut used: Vec<*const Hop> = Vec::new();
    let mut all = Vec::new();
    for packet in near.hops.chunk_by(same_packet) {
        let rest = packet
            .first()
            .and_then(|first| theirs.get(&id(first)))
            .copied();
        let rest = rest.filter(|rest| !used.contains(&rest.as_ptr()));
        let Some(rest) = rest else {
            all.push(packet.to_vec());
            continue;
        };
        used.push(rest.as_ptr());
        let rest = rest.iter().map(shifted);
        let leg = packet.first().map_or(Leg::Forward, |first| first.leg);
        let (mut before, mut after): (Vec<Hop>, Vec<Hop>) = match leg {
            Leg::Forward => (packet.to_vec(), rest.collect()),
            Leg::Reply => (rest.collect(), packet.to_vec()),
        };
        if let (Some(out), Some(into)) = (before.last_mut(), after.first_mut()) {
            seam(out, into);
        }
        // One transmission has one number on both nodes: the near node's, which
        // saw those that never arrived.
        let attempt = packet.first().map_or(1, |first| first.attempt);
        before.append(&mut after);
        for hop in &mut before {
            hop.attempt = attempt;
        }
        all.push(before);
    }
    for packet in far.hops.chunk_by(same_packet) {
        if !used.contains(&packet.as_ptr()) {
            all.push(packet.iter().map(shifted).collect());
        }
    }
    all.sort_by_key(|packet| packet.first().map_or(Nanos::MAX, |hop| hop.offset_ns));
    all
}

/// What happened between the last hop on one node and the first on the other.
fn seam(out: &mut Hop, into: &mut Hop) {
    out.then.clear();
    into.rewrites.clear();
    if let Some(vxlan) = &into.vxlan
        && out.vxlan.is_none()
    {
        into.rewrites.push(Rewrite::VxlanEncap {
            vni: vxlan.vni,
            from: vxlan.from,
            to: vxlan.to,
        });
    }
    if let Some(vxlan) = &out.vxlan
        && into.vxlan.is_none()
    {
        into.rewrites.push(Rewrite::VxlanDecap { vni: vxlan.vni });
    }
    into.proof = if (out.source, out.destination) == (into.source, into.destination) {
        Proof::SamePacket
    } else {
        Proof::SequenceInferred
    };
}

/// Lets no hop be earlier than the one before it.
fn fix_order(packets: &mut [Vec<Hop>]) {
    for packet in packets {
        let mut latest = -Nanos::MAX;
        for hop in packet {
            hop.offset_ns = hop.offset_ns.max(latest);
            latest = hop.offset_ns;
        }
    }
}
