//! Sends what a [`Plan`] lists: every target at once, each step of one after the
//! other, all of it within some timeouts.

use super::wire::{self, Answer, HEADERS};
use super::{Limits, Outcome, Plan, Target};
use crate::sys::netns::{Netns, NetnsError};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::path::Path;

/// As `ping` sends by default.
const SMALL: u32 = 84;
/// Where nothing listens: traceroute's.
const CLOSED: u16 = 33434;
/// Every IPv4 path takes so much.
const LEAST: u32 = 68;

/// Sends it all. Blocks until the last answer or its time is up.
///
/// # Errors
/// Errors if a sandbox cannot be entered.
pub fn run(plan: &Plan, limits: Limits) -> Result<Vec<Outcome>, NetnsError> {
    let mut by_namespace: BTreeMap<&Path, Vec<(usize, &Target)>> = BTreeMap::new();
    for (at, target) in plan.targets.iter().enumerate() {
        let of = by_namespace.entry(target.path.as_path()).or_default();
        of.push((at, target));
    }
    let mut outcomes: Vec<(usize, Outcome)> = Vec::new();
    let results = std::thread::scope(|scope| {
        let running: Vec<_> = (by_namespace.into_iter())
            .map(|(path, targets)| {
                scope.spawn(move || Netns::open(path)?.run(|| within(&targets, limits)))
            })
            .collect();
        (running.into_iter())
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|p| std::panic::resume_unwind(p))
            })
            .collect::<Vec<_>>()
    });
    for result in results {
        outcomes.extend(result?);
    }
    outcomes.sort_by_key(|(at, _)| *at);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

/// The targets of a namespace, at once: a new thread is in its parent's.
fn within(targets: &[(usize, &Target)], limits: Limits) -> Vec<(usize, Outcome)> {
    std::thread::scope(|scope| {
        let running: Vec<_> = (targets.iter())
            .map(|(at, target)| (*at, scope.spawn(|| one(target, limits))))
            .collect();
        (running.into_iter())
            .map(|(at, thread)| {
                let outcome = thread.join();
                (at, outcome.unwrap_or_else(|p| std::panic::resume_unwind(p)))
            })
            .collect()
    })
}

fn one(target: &Target, limits: Limits) -> Outcome {
    let mut outcome = Outcome {
        target: target.clone(),
        tcp: Vec::new(),
        own: 0,
        small: Vec::new(),
        full: Vec::new(),
        largest: None,
        datagrams: None,
    };
    let mut sequence = 0;
    let mut echo = |size: u32| {
        sequence += 1;
        wire::echo(target.address, size, sequence, limits.timeout)
    };
    if let Some(mtu) = target.mtu {
        // Two losses in a row are as good as all.
        outcome.small = several(limits.count, || echo(SMALL));
        if outcome.small.iter().any(Answer::came) {
            outcome.full = several(limits.count, || echo(mtu));
            if !outcome.full.iter().any(Answer::came) {
                outcome.largest = Some(largest(mtu, |size| echo(size).came()));
            }
        }
    }
    if let Some(port) = target.port {
        let to = SocketAddrV4::new(target.address, port);
        outcome.tcp = several(target.handshakes, || {
            let (answer, own) = wire::handshake(to, limits.timeout);
            outcome.own += usize::from(own);
            answer
        });
    }
    let lost = !outcome.tcp.is_empty() && outcome.tcp.iter().all(|a| *a == Answer::Silent);
    if lost && outcome.full.iter().any(Answer::came) {
        let to = SocketAddrV4::new(target.address, CLOSED);
        outcome.datagrams = Some([true, false].map(|sum| wire::datagram(to, sum, limits.timeout)));
    }
    outcome
}

/// Asks so often; gives up where the first two are lost.
fn several(count: u32, mut ask: impl FnMut() -> Answer) -> Vec<Answer> {
    let mut answers = Vec::new();
    for _ in 0..count {
        if answers.len() == 2 && !answers.iter().any(Answer::came) {
            break;
        }
        answers.push(ask());
    }
    answers
}

/// The largest packet that passes, by halves; `whole` is known not to.
pub(super) fn largest(whole: u32, mut passes: impl FnMut(u32) -> bool) -> u32 {
    let (mut good, mut bad) = (SMALL.max(LEAST).max(HEADERS), whole);
    while bad.saturating_sub(good) > 1 {
        let middle = good + (bad - good) / 2;
        match passes(middle) {
            true => good = middle,
            false => bad = middle,
        }
    }
    good
}
