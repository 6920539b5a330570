//! The timeline against a Swarm made up for the purpose.

mod emitting;
mod fates;
mod handshakes;
mod joining;
mod odd;
mod pages;
mod paths;
mod properties;

use crate::flow::{Correlator, Flow, Options};
use crate::synthetic::{At, topology};
use crate::sys::clock::Nanos;
use crate::timeline::Timeline;
use swarmtrace_common::PacketEvent;

/// The flows of those events.
fn flows(events: &[PacketEvent]) -> Vec<Flow> {
    let mut correlator = Correlator::new(&Options::default());
    for event in events {
        correlator.push(event);
    }
    correlator.finish()
}

/// What a node sees of those events, by a clock that is `ahead`.
fn seen_by(at: At, events: &[PacketEvent], ahead: i64) -> Vec<PacketEvent> {
    let here = |e: &&PacketEvent| (e.netns >= 200) == (at == At::B);
    let shifted = |e: &PacketEvent| PacketEvent {
        time: e.time.saturating_add_signed(ahead),
        ..*e
    };
    events.iter().filter(here).map(shifted).collect()
}

/// The timelines of a node that saw those events.
fn told_by(at: At, events: &[PacketEvent], ahead: i64) -> Vec<Timeline> {
    let names = topology(at);
    let flows = flows(&seen_by(at, events, ahead));
    flows
        .iter()
        .map(|f| f.timeline(&names, Nanos::new(-ahead)))
        .collect()
}
