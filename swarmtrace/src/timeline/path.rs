//! What a flow's packets say of its path, without names.

use crate::flow::{Flow, FlowPacket, Leg, Phase, Sighting};
use crate::sys::clock::Nanos;
use crate::sys::protocol::Protocol;

impl Flow {
    /// Where the first packet of the reply leg was first seen.
    pub(super) fn first_answer(&self) -> Option<&Sighting> {
        let answers = |p: &&FlowPacket| p.leg == Leg::Reply && p.phase != Phase::IcmpError;
        self.packets.iter().find(answers)?.sightings.first()
    }

    /// Packets that were sent again, without resets, errors and bare ACKs.
    pub(super) fn retransmissions(&self) -> u32 {
        let again = |p: &&FlowPacket| {
            p.attempt > 1 && !matches!(p.phase, Phase::Rst | Phase::IcmpError | Phase::Ack)
        };
        u32::try_from(self.packets.iter().filter(again).count()).unwrap_or(u32::MAX)
    }

    /// Forward packets of that phase (all transmissions).
    pub(super) fn of(&self, phase: Phase) -> impl Iterator<Item = &FlowPacket> {
        self.packets.iter().filter(move |p| p.phase == phase)
    }

    /// From the first packet of one phase to the first of another, both at the
    /// first device of the path that saw both.
    pub(super) fn round_trip(&self, there: Phase, back: Phase) -> Option<Nanos> {
        let sightings = |phase| self.of(phase).flat_map(|p| &p.sightings);
        sightings(there).find_map(|out| {
            let answer = sightings(back).find(|s| s.at == out.at && s.way != out.way)?;
            (answer.time >= out.time).then(|| answer.time - out.time)
        })
    }

    /// Packets that carry the forward leg's path: SYNs, UDP requests; what
    /// there is of a flow whose start was not seen.
    pub(super) fn outset(&self) -> impl Iterator<Item = &FlowPacket> {
        let opening = |p: &FlowPacket| {
            p.phase == Phase::Syn || (self.protocol == Protocol::Udp && p.phase == Phase::Request)
        };
        let any = self.packets.iter().any(opening);
        self.packets.iter().filter(move |p| {
            opening(p) || (!any && p.leg == Leg::Forward && p.phase != Phase::IcmpError)
        })
    }

    /// The one of [`Flow::outset`] that got furthest.
    pub(super) fn furthest(&self) -> Option<&FlowPacket> {
        // Of equals the first: `max_by_key` would give the last.
        self.outset()
            .fold(None, |best: Option<&FlowPacket>, p| match best {
                Some(b) if b.sightings.len() >= p.sightings.len() => best,
                _ => Some(p),
            })
    }
}
