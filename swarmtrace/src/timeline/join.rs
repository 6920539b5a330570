//! One connection, seen by two nodes, as one timeline.
//!
//! Two timelines are one connection's when they agree on what no rewrite
//! changes and on the addresses inside the tunnel: the client's initial
//! sequence number (UDP: what the request is recognised by) and the inner
//! addresses of the forward leg. One must have left for another node and the
//! other have come from one, or at least not be the same node's.
//!
//! The clock offset comes from every exchange that two nodes' timelines share
//! (see [`Clock`]). Within a timeline causality has the last word: a packet
//! leaves the one node before it enters the other, whatever the clocks say.

use super::clock_estimate::{Clock, Interval};
use super::state::{reached, state};
use super::{
    Gap, Hop, JoinKey, Leg, NodeClock, PacketKey, Phase, Proof, Rewrite, State, Timeline,
    same_packet,
};
use std::collections::HashMap;

/// How far apart the parts of an unanswered connection may begin by the nodes'
/// wall clocks: as long as a sequence number stays the mark of one connection.
const NEARBY: u128 = 120_000_000_000;

/// What came of joining.
#[derive(Clone, Debug, Default)]
pub struct Joined {
    /// Every timeline, whole or alone, by the time it started.
    pub timelines: Vec<Timeline>,
    /// How many were put together from two nodes' parts.
    pub whole: usize,
    /// How many left for or came from a node whose part is missing.
    pub alone: usize,
}

/// Joins timelines of several nodes, in whatever order.
pub fn join(timelines: Vec<Timeline>) -> Joined {
    let mut parts = latest(timelines);
    parts.sort_by(|a, b| (a.started, &a.nodes).cmp(&(b.started, &b.nodes)));
    let pairs = pair(&parts);
    let mut clocks: HashMap<(&str, &str), Clock> = HashMap::new();
    for &(near, far) in &pairs {
        let (near, far) = (&parts[near], &parts[far]);
        let clock = clocks.entry((node(near), node(far))).or_default();
        for (time, interval) in exchanges(near, far) {
            clock.add(time, interval);
        }
    }
    let mut joined = Joined::default();
    let mut done = vec![false; parts.len()];
    for &(near, far) in &pairs {
        done[near] = true;
        done[far] = true;
        let (near, far) = (&parts[near], &parts[far]);
        let clock = clocks.get(&(node(near), node(far)));
        joined.timelines.push(merge(near, far, clock));
        joined.whole += 1;
    }
    drop(clocks);
    for (mut timeline, done) in parts.into_iter().zip(done) {
        if done {
            continue;
        }
        let crossed = timeline.left_for.is_some() || timeline.came_from.is_some();
        if crossed && timeline.nodes.len() == 1 {
            joined.alone += 1;
            if !timeline.gaps.contains(&Gap::OtherNodeMissing) {
                timeline.gaps.push(Gap::OtherNodeMissing);
            }
        }
        joined.timelines.push(timeline);
    }
    joined.timelines.sort_by_key(|t| t.started);
    joined
}

fn node(timeline: &Timeline) -> &str {
    timeline.nodes.first().map_or("", String::as_str)
}

/// Each node's last word on each flow.
fn latest(timelines: Vec<Timeline>) -> Vec<Timeline> {
    let mut last: HashMap<(Vec<String>, JoinKey, u64), Timeline> = HashMap::new();
    for timeline in timelines {
        let mut key = timeline.key.clone();
        // Known only once the server answered.
        key.server_isn = None;
        key.tunnel = None;
        let key = (timeline.nodes.clone(), key, timeline.started_monotonic);
        match last.get(&key) {
            Some(known) if known.revision >= timeline.revision => {}
            _ => {
                last.insert(key, timeline);
            }
        }
    }
    last.into_values().collect()
}

/// Indexes of the parts that belong together: the client's side, the task's.
///
/// Both sequence numbers are proof enough. What was never answered must have
/// begun at about the same time, by wall clocks whose difference the proven
/// pairs tell.
fn pair(parts: &[Timeline]) -> Vec<(usize, usize)> {
    let mut groups: HashMap<JoinKey, Vec<usize>> = HashMap::new();
    for (index, part) in parts.iter().enumerate() {
        let mut key = part.key.clone();
        key.server_isn = None;
        if key.tunnel.is_some() && part.nodes.len() == 1 {
            groups.entry(key).or_default().push(index);
        }
    }
    let mut pairs = Vec::new();
    let mut ahead: HashMap<(&str, &str), i128> = HashMap::new();
    for group in groups.values_mut() {
        let proven = |a: &Timeline, b: &Timeline| {
            (a.key.server_isn.is_some() && a.key.server_isn == b.key.server_isn).then_some(0)
        };
        for (one, other) in take_pairs(parts, group, proven) {
            let (a, b) = (&parts[one], &parts[other]);
            let difference = i128::from(b.started) - i128::from(a.started);
            ahead.insert((node(a), node(b)), difference);
            ahead.insert((node(b), node(a)), -difference);
            pairs.push((one, other));
        }
    }
    for group in groups.values_mut() {
        let likely = |a: &Timeline, b: &Timeline| {
            let skew = ahead.get(&(node(a), node(b))).copied().unwrap_or(0);
            let apart = (i128::from(b.started) - i128::from(a.started) - skew).unsigned_abs();
            let known = a.key.server_isn.is_some() && b.key.server_isn.is_some();
            (apart <= NEARBY && !known).then_some(apart)
        };
        pairs.extend(take_pairs(parts, group, likely));
    }
    for pair in &mut pairs {
        let (one, other) = (&parts[pair.0], &parts[pair.1]);
        let far_first = one.came_from.is_some() || other.left_for.is_some();
        if far_first && (other.came_from.is_none() || one.left_for.is_none()) {
            *pair = (pair.1, pair.0);
        }
    }
    pairs.sort_unstable();
    pairs
}

/// Takes pairs of different nodes' parts out of a group, the least distant part
/// for each.
fn take_pairs(
    parts: &[Timeline],
    group: &mut Vec<usize>,
    distance: impl Fn(&Timeline, &Timeline) -> Option<u128>,
) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut rest: Vec<usize> = Vec::new();
    for index in group.drain(..) {
        let part = &parts[index];
        let nearest = rest
            .iter()
            .enumerate()
            .filter(|(_, other)| node(&parts[**other]) != node(part))
            .filter_map(|(at, other)| Some((distance(&parts[*other], part)?, at)))
            .min();
        match nearest {
            Some((_, at)) => pairs.push((rest.swap_remove(at), index)),
            None => rest.push(index),
        }
    }
    *group = rest;
    pairs
}

type Id = (Phase, Leg, PacketKey);

/// A part's packets, each as the range of its hops.
fn packets(timeline: &Timeline) -> HashMap<Id, &[Hop]> {
    let mut all = HashMap::new();
    for packet in timeline.hops.chunk_by(same_packet) {
        if let Some(first) = packet.first() {
            let mut key = first.packet;
            // A network card may cut or merge segments on the way.
            key.payload_length = 0;
            all.entry((first.phase, first.leg, key)).or_insert(packet);
        }
    }
    all
}

/// Every exchange that both parts saw, by the near node's time.
fn exchanges(near: &Timeline, far: &Timeline) -> Vec<(u64, Interval)> {
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
fn limits(near: &Timeline, far: &Timeline) -> (Option<i64>, Option<i64>) {
    let difference = |a: u64, b: u64| i64::try_from(i128::from(a) - i128::from(b)).unwrap_or(0);
    let (near, far) = (packets(near), packets(far));
    let (mut low, mut high) = (None::<i64>, None::<i64>);
    for (id, near) in &near {
        let Some(far) = far.get(id) else { continue };
        match id.1 {
            Leg::Forward => {
                if let (Some(out), Some(into)) = (near.last(), far.first()) {
                    let most = difference(into.time_ns, out.time_ns);
                    high = Some(high.map_or(most, |h| h.min(most)));
                }
            }
            Leg::Reply => {
                if let (Some(out), Some(into)) = (far.last(), near.first()) {
                    let least = difference(out.time_ns, into.time_ns);
                    low = Some(low.map_or(least, |l| l.max(least)));
                }
            }
        }
    }
    (low, high)
}

fn merge(near: &Timeline, far: &Timeline, clock: Option<&Clock>) -> Timeline {
    let estimate = clock.and_then(|c| c.at(near.started_monotonic));
    let (low, high) = limits(near, far);
    // Without any exchange: as if the first packet had taken no time.
    let guess = high.or(low).unwrap_or_else(|| {
        let difference = i128::from(far.started_monotonic) - i128::from(near.started_monotonic);
        i64::try_from(difference).unwrap_or(0)
    });
    let mut offset = estimate.map_or(guess, |e| e.offset_ns);
    offset = high.map_or(offset, |high| offset.min(high));
    offset = low.map_or(offset, |low| offset.max(low));
    let bound = estimate.map(|e| e.bound_ns);

    let mut hops = stitch(near, far, offset, bound);
    let start = near.started_monotonic;
    fix_order(&mut hops);
    let closed = [near, far].iter().any(|t| t.state == State::Closed);
    let flat: Vec<Hop> = hops.into_iter().flatten().collect();
    let duration = flat.iter().map(|h| h.offset_ns).max().unwrap_or(0);
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
        duration_ns: u64::try_from(duration).unwrap_or(0),
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
        copies: near.copies.saturating_add(far.copies),
        drops: [near.drops.as_slice(), &far.drops].concat(),
        resets: [near.resets.as_slice(), &far.resets].concat(),
        ..near.clone()
    }
}

/// Both parts' packets, each packet's hops in the order of the path.
fn stitch(near: &Timeline, far: &Timeline, offset: i64, bound: Option<u64>) -> Vec<Vec<Hop>> {
    let start = i128::from(near.started_monotonic);
    let shifted = |hop: &Hop| Hop {
        offset_ns: i64::try_from(i128::from(hop.time_ns) - i128::from(offset) - start)
            .unwrap_or(i64::MAX),
        uncertainty_ns: bound,
        ..hop.clone()
    };
    let theirs = packets(far);
    let mut used: Vec<*const Hop> = Vec::new();
    let mut all = Vec::new();
    for packet in near.hops.chunk_by(same_packet) {
        let id = packet.first().map(|first| {
            let mut key = first.packet;
            key.payload_length = 0;
            (first.phase, first.leg, key)
        });
        let rest = id.and_then(|id| theirs.get(&id)).copied();
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
    all.sort_by_key(|packet| packet.first().map_or(i64::MAX, |hop| hop.offset_ns));
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
        let mut latest = i64::MIN;
        for hop in packet {
            hop.offset_ns = hop.offset_ns.max(latest);
            latest = hop.offset_ns;
        }
    }
}
