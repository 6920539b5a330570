//! Where a packet stopped, and whether it is proven that it did.
//!
//! Silence after a hop proves that the packet stopped only if the hop that
//! should follow was tapped on every device where it may be seen, on a node that
//! lost no event, for a flow that was seen from its start and would have been
//! recognised there. A drop event of the same leg, at or after the hop, proves it
//! too.

use super::case::{Case, PacketDrop};
use super::path::{Expected, Next, next};
use crate::timeline::{Direction, Hop, Leg, Phase, Protocol, State};
use crate::topology::Role;

/// Where a packet was last seen, and what should have followed.
#[derive(Clone, Debug)]
pub struct Stop<'a> {
    /// Index of the last hop.
    pub last: usize,
    /// The last hop.
    pub hop: &'a Hop,
    /// Its device's role.
    pub role: Option<Role>,
    /// What should have followed.
    pub next: Next,
    /// A drop of this leg at or after that hop.
    pub drop: Option<&'a PacketDrop>,
    /// The hop that should have followed was tapped, and no event was lost.
    pub silent: bool,
}

impl Stop<'_> {
    /// Whether the last hop is at a device of that role, in that direction.
    pub fn is_at(&self, role: Role, way: Direction) -> bool {
        self.role == Some(role) && self.hop.way == way
    }

    /// Whether it is known that the packet went no further.
    pub fn proven(&self) -> bool {
        self.silent || self.drop.is_some()
    }

    /// The hop that should have followed.
    pub fn expected(&self) -> Option<&Expected> {
        match &self.next {
            Next::Hop(expected) => Some(expected),
            _ => None,
        }
    }
}

impl<'a> Case<'a> {
    /// Index of the furthest hop that a packet of that phase reached.
    pub fn furthest(&self, leg: Leg, phase: Phase) -> Option<usize> {
        let of = |h: &Hop| h.leg == leg && h.phase == phase;
        let named = self.timeline.reached;
        if let Some(index) = named.filter(|i| self.hop(*i).is_some_and(of)) {
            return Some(index);
        }
        let count = |attempt| {
            self.hops()
                .filter(|(_, h)| of(h) && h.attempt == attempt)
                .count()
        };
        self.hops()
            .filter(|(_, h)| of(h))
            .max_by_key(|(i, h)| (count(h.attempt), *i))
            .map(|(i, _)| i)
    }

    /// How many times a packet of that phase was seen to be sent.
    pub fn attempts(&self, leg: Leg, phase: Phase) -> u32 {
        self.hops()
            .filter(|(_, h)| h.leg == leg && h.phase == phase)
            .map(|(_, h)| h.attempt)
            .max()
            .unwrap_or(0)
    }

    /// Where the opening packet stopped, in a flow that nothing answered.
    pub fn forward_stop(&self) -> Option<Stop<'a>> {
        if !matches!(
            self.timeline.state,
            State::Unanswered | State::IcmpError { .. }
        ) {
            return None;
        }
        self.stop_at(self.furthest(Leg::Forward, self.opening())?)
    }

    /// Where the answer stopped, in a flow whose answer was lost: on the way to
    /// the first tap, or beyond it.
    pub fn reply_stop(&self) -> Option<Stop<'a>> {
        match self.timeline.state {
            State::AnswerLost { last } => self.stop_at(last),
            State::Established if self.unheard() => {
                self.stop_at(self.furthest(Leg::Reply, Phase::SynAck)?)
            }
            _ => None,
        }
    }

    /// Whether the client sent its SYN again although it was answered, and never
    /// went on: the answer did not reach it, or under an address that it does
    /// not accept.
    pub fn unheard(&self) -> bool {
        let went_on = |h: &Hop| !matches!(h.phase, Phase::Syn | Phase::SynAck);
        self.timeline.state == State::Established
            && self.attempts(Leg::Forward, Phase::Syn) > 1
            && self.attempts(Leg::Reply, Phase::SynAck) > 1
            && !self.hops().any(|(_, h)| went_on(h))
    }

    /// Where the first data stopped, in a flow that was opened and whose first
    /// data was sent again without ever being answered.
    pub fn data_stop(&self) -> Option<Stop<'a>> {
        let open = matches!(
            self.timeline.state,
            State::Established | State::Reset { .. }
        );
        if !open || self.timeline.protocol != Protocol::Tcp {
            return None;
        }
        if self.attempts(Leg::Reply, Phase::Response) > 1 {
            return self.stop_at(self.furthest(Leg::Reply, Phase::Response)?);
        }
        let answered = self.hops().any(|(_, h)| h.phase == Phase::Response);
        if answered || self.attempts(Leg::Forward, Phase::Request) < 2 {
            return None;
        }
        self.stop_at(self.furthest(Leg::Forward, Phase::Request)?)
    }

    /// Where the opening packet, the answer or the first data stopped.
    pub fn stop(&self) -> Option<Stop<'a>> {
        self.forward_stop()
            .or_else(|| self.reply_stop())
            .or_else(|| self.data_stop())
    }

    fn stop_at(&self, last: usize) -> Option<Stop<'a>> {
        let hop = self.hop(last)?;
        let next = next(self, last);
        let silent = match &next {
            Next::Hop(expected) => {
                self.complete() && expected.tapped(self) && self.recognised(hop, expected)
            }
            _ => false,
        };
        Some(Stop {
            last,
            hop,
            role: self.role(hop),
            drop: self.drop_after(hop),
            silent,
            next,
        })
    }

    /// Whether the packet would be recognised as this flow's at the next hop: TCP
    /// by its sequence numbers; a datagram that is rewritten on the way, or seen
    /// by another node, may have become a flow of its own.
    pub fn recognised(&self, hop: &Hop, next: &Expected) -> bool {
        self.timeline.protocol == Protocol::Tcp
            || next.node == *hop.node && !self.role(hop).is_some_and(|s| rewrites(s, hop.way))
    }

    /// A drop of the hop's leg: on its node since a packet was first seen at the
    /// hop's device, or on another node.
    fn drop_after(&self, hop: &Hop) -> Option<&'a PacketDrop> {
        let place = |h: &Hop| (h.at(), h.way, h.leg, h.phase);
        let since = (self.timeline.hops.iter())
            .filter(|h| h.node == hop.node && place(h) == place(hop))
            .map(|h| h.time_ns)
            .min()
            .unwrap_or(hop.time_ns);
        self.own_drops()
            .find(|d| self.leg_of(d) == hop.leg && (d.node != *hop.node || d.time >= since))
    }

    /// The leg of a dropped packet, by its addresses: its own, or those of the
    /// VXLAN datagram that carries it.
    pub fn leg_of(&self, drop: &PacketDrop) -> Leg {
        let (source, destination) = (drop.source, drop.destination);
        let outer = (source.ip(), destination.ip());
        let along = |h: &Hop| {
            (h.source, h.destination) == (source, destination)
                || h.vxlan.as_ref().is_some_and(|v| (v.from, v.to) == outer)
        };
        let against = |h: &Hop| {
            (h.destination, h.source) == (source, destination)
                || h.vxlan.as_ref().is_some_and(|v| (v.to, v.from) == outer)
        };
        let hops = || self.timeline.hops.iter().filter(|h| h.icmp.is_none());
        if let Some(hop) = hops().find(|h| along(h)) {
            return hop.leg;
        }
        if let Some(hop) = hops().find(|h| against(h)) {
            return match hop.leg {
                Leg::Forward => Leg::Reply,
                Leg::Reply => Leg::Forward,
            };
        }
        let backend = self.timeline.backend.unwrap_or(self.timeline.entry);
        let replies = source == backend || source == self.timeline.entry;
        if replies { Leg::Reply } else { Leg::Forward }
    }
}

/// Whether addresses may change behind a device of that role.
fn rewrites(role: Role, way: Direction) -> bool {
    way == Direction::Ingress && !matches!(role, Role::OverlayPort | Role::Vxlan)
}
