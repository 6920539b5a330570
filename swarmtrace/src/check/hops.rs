//! Resolves the names of hops in assertions.
//!
//! A name is tried as the latency table prints it (`ingress vxlan out`,
//! `ingress vxlan`), then as a whole namespace (`ingress_sbox`, `vote.2`,
//! `1-ingress000 veth0`), then as a device wherever it is (`vxlan`,
//! `docker_gwbridge out`). The first of these that fits counts. Consecutive hops
//! that all fit are one: `hop(ingress_sbox)` is the time from the hop before the
//! sandbox to the hop at which the packet leaves it.

use super::observations::{Connection, Observations, PathPoint, PathStep};
use crate::sys::clock::{Nanos, Wall};
use crate::timeline::Leg;
use std::collections::{BTreeMap, BTreeSet};

/// Most names that an error lists.
const LISTED: usize = 16;

/// Times, each behind the start of its connection.
pub type Samples = Vec<(Wall, Nanos)>;

/// Why a name gives no times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoHop {
    /// The name fits no hop of these connections.
    Unknown(String),
    /// The name fits several.
    Ambiguous(String),
}

/// How well a point of the path fits a name: less is better.
fn fit(point: &PathPoint, name: &str) -> Option<u8> {
    let owner = point.role.split_once(' ').map_or("", |(owner, _)| owner);
    let part = point.role.split_once(' ').map_or("", |(_, part)| part);
    let (namespace, device) = (&*point.namespace, &*point.device);
    let both = format!("{namespace} {device}");
    let levels: [&[&str]; 3] = [&[&point.role], &[owner, namespace, &both], &[part, device]];
    let way = |text: &str| name.strip_prefix(text).map(str::trim) == Some(point.way.name());
    (0_u8..).zip(levels).find_map(|(level, texts)| {
        let fits = |text: &&str| !text.is_empty() && (**text == *name || way(text));
        texts.iter().any(fits).then_some(level)
    })
}

/// The points, among those that were passed, that a name fits best.
fn meant(seen: &Observations, passed: &BTreeSet<u32>, name: &str) -> BTreeSet<u32> {
    let fits: Vec<(u8, u32)> = (passed.iter())
        .filter_map(|index| {
            let point = seen.points.get(*index as usize)?;
            Some((fit(point, name)?, *index))
        })
        .collect();
    let best = fits.iter().map(|(level, _)| *level).min();
    (fits.into_iter())
        .filter(|(level, _)| Some(*level) == best)
        .map(|(_, index)| index)
        .collect()
}

fn steps<'a>(
    of: &'a [&'a Connection],
    leg: Option<Leg>,
) -> impl Iterator<Item = (Wall, &'a [PathStep])> {
    of.iter().flat_map(move |connection| {
        let packets = connection.packets.iter();
        let wanted = packets.filter(move |p| leg.is_none_or(|leg| leg == p.leg));
        wanted.map(|p| (connection.started, p.steps.as_slice()))
    })
}

fn passed(of: &[&Connection], leg: Option<Leg>) -> BTreeSet<u32> {
    let all = steps(of, leg).flat_map(|(_, steps)| steps);
    all.map(|step| step.point).collect()
}

fn label(seen: &Observations, point: u32) -> String {
    seen.points
        .get(point as usize)
        .map_or_else(String::new, PathPoint::label)
}

/// The hops that these connections pass, for an error.
fn listing(seen: &Observations, points: impl IntoIterator<Item = u32>) -> String {
    let labels: BTreeSet<String> = (points.into_iter()).map(|p| label(seen, p)).collect();
    let mut text: Vec<String> = labels
        .iter()
        .take(LISTED)
        .map(|l| format!("'{l}'"))
        .collect();
    if labels.len() > LISTED {
        text.push(format!("{} more", labels.len() - LISTED));
    }
    match text.as_slice() {
        [] => "none at all".to_owned(),
        _ => text.join(", "),
    }
}

/// The sum of the steps' times; `None` if one is unknown.
fn sum(steps: &[PathStep]) -> Option<Nanos> {
    steps.iter().map(|step| step.took).sum()
}

/// Times by the hop or edge that they are of, which must be a single one in the end.
#[derive(Default)]
struct Gathered(BTreeMap<String, (Samples, String)>);

impl Gathered {
    fn add(&mut self, key: String, shown: impl FnOnce() -> String, sample: (Wall, Nanos)) {
        let entry = self
            .0
            .entry(key)
            .or_insert_with(|| (Samples::new(), shown()));
        entry.0.push(sample);
    }

    fn single(mut self, name: &str, unknown: String) -> Result<Samples, NoHop> {
        let first = self.0.pop_first().map(|(_, (samples, _))| samples);
        match (first, self.0.is_empty()) {
            (Some(samples), true) => Ok(samples),
            (None, _) => Err(NoHop::Unknown(unknown)),
            (Some(_), false) => Err(NoHop::Ambiguous(name.to_owned())),
        }
    }

    fn all(&self) -> String {
        let shown: Vec<String> = self.0.values().map(|(_, s)| format!("'{s}'")).collect();
        shown.join(", ")
    }
}

/// Times from the hop before to the hop of that name.
///
/// # Errors
/// Errors if the name fits no hop, or several; the text lists those that there are.
pub fn hop(
    seen: &Observations,
    of: &[&Connection],
    name: &str,
    back: bool,
) -> Result<Samples, NoHop> {
    let leg = if back { Leg::Reply } else { Leg::Forward };
    let passed = passed(of, Some(leg));
    let meant = meant(seen, &passed, name);
    let mut gathered = Gathered::default();
    for (started, steps) in steps(of, Some(leg)) {
        let mut rest = steps;
        while let Some(first) = rest.iter().position(|s| meant.contains(&s.point)) {
            let run = (rest[first..].iter())
                .take_while(|s| meant.contains(&s.point))
                .count();
            let found = &rest[first..first + run];
            rest = &rest[first + run..];
            // A packet's first hop has none before it.
            let whole = match found {
                [only_after, after @ ..] if only_after.took.is_none() && !only_after.far => after,
                all => all,
            };
            if let (Some(last), Some(took), false) = (found.last(), sum(whole), whole.is_empty()) {
                let label = label(seen, last.point);
                gathered.add(label.clone(), || label, (started, took));
            }
        }
    }
    let all = gathered.all();
    let way = if back { "back" } else { "there" };
    let unknown = format!(
        "no hop '{name}' with one before it on the way {way}; there are: {}",
        listing(seen, passed)
    );
    gathered.single(
        &format!("'{name}' means several hops on the way {way}: {all}"),
        unknown,
    )
}

/// Times from one hop of a packet to a later one.
///
/// # Errors
/// Errors if no packet passes both hops, or if the names fit several pairs; the text
/// lists those that there are.
pub fn edge(
    seen: &Observations,
    of: &[&Connection],
    from: &str,
    to: &str,
) -> Result<Samples, NoHop> {
    let passed = passed(of, None);
    let (starts, ends) = (meant(seen, &passed, from), meant(seen, &passed, to));
    let mut gathered = Gathered::default();
    for (started, steps) in steps(of, None) {
        for (at, start) in steps.iter().enumerate() {
            let rest = &steps[at + 1..];
            if !starts.contains(&start.point) {
                continue;
            }
            // The nearest pair: another start in between makes the shorter edge.
            let either = |s: &PathStep| ends.contains(&s.point) || starts.contains(&s.point);
            let Some(end) = rest.iter().position(either) else {
                continue;
            };
            if !rest.get(end).is_some_and(|s| ends.contains(&s.point)) {
                continue;
            }
            if let (Some(took), Some(last)) = (sum(&rest[..=end]), rest.get(end)) {
                let shown = || {
                    let far = if last.far { "other node's " } else { "" };
                    let (from, to) = (label(seen, start.point), label(seen, last.point));
                    format!("{from} → {far}{to}")
                };
                gathered.add(shown(), shown, (started, took));
            }
        }
    }
    let all = gathered.all();
    let unknown = format!(
        "no packet passes '{from}' and then '{to}'; there are: {}",
        listing(seen, passed)
    );
    gathered.single(
        &format!("'{from} -> {to}' means several edges: {all}"),
        unknown,
    )
}
