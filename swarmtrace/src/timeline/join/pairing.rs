//! Which two nodes' timelines are parts of one connection.

use crate::sys::clock::Nanos;
use crate::timeline::model::{JoinKey, Timeline};
use std::collections::HashMap;

/// How far apart the parts of an unanswered connection may begin by the nodes'
/// wall clocks: as long as a sequence number stays the mark of one connection.
const NEARBY: Nanos = Nanos::from_secs(120);

/// The name of the node that a part is from.
pub(super) fn node(timeline: &Timeline) -> &str {
    timeline.nodes.first().map_or("", String::as_str)
}

/// Indexes of the parts that belong together: the client's side, the task's.
///
/// Both sequence numbers are proof enough. What was never answered must have
/// begun at about the same time, by wall clocks, whose difference the proven
/// pairs give.
pub(super) fn pair(parts: &[Timeline]) -> Vec<(usize, usize)> {
    let mut groups: HashMap<JoinKey, Vec<usize>> = HashMap::new();
    for (index, part) in parts.iter().enumerate() {
        let mut key = part.key.clone();
        key.server_isn = None;
        if key.tunnel.is_some() && part.nodes.len() == 1 {
            groups.entry(key).or_default().push(index);
        }
    }
    let mut pairs = Vec::new();
    let mut ahead: HashMap<(&str, &str), Nanos> = HashMap::new();
    for group in groups.values_mut() {
        let proven = |a: &Timeline, b: &Timeline| {
            (a.key.server_isn.is_some() && a.key.server_isn == b.key.server_isn)
                .then_some(Nanos::ZERO)
        };
        for (one, other) in take_pairs(parts, group, proven) {
            let (a, b) = (&parts[one], &parts[other]);
            let difference = b.started - a.started;
            ahead.insert((node(a), node(b)), difference);
            ahead.insert((node(b), node(a)), -difference);
            pairs.push((one, other));
        }
    }
    for group in groups.values_mut() {
        let likely = |a: &Timeline, b: &Timeline| {
            let skew = ahead.get(&(node(a), node(b))).copied().unwrap_or_default();
            let apart = (b.started - a.started - skew).abs();
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
    distance: impl Fn(&Timeline, &Timeline) -> Option<Nanos>,
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
