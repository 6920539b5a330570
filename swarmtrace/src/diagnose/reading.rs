//! The questions that rules ask of a case.
//!
//! Where did the opening packet stop, and is it proven that it stopped there?
//! Where was the reset born? Which drop lies in the gap? Every rule is a few
//! of these and a look at the topology, so what counts as proof is decided
//! here, once: a drop event, or a tap on the hop that had to follow, on a node
//! that lost no event.

use super::case::{Case, Drop, ResetSent, Tap};
use super::path::{Expected, Kind, Next, kind, next};
use super::spot::{Spot, guess, spot};
use super::verdict::Certainty;
use crate::timeline::{Gap, Hop, Leg, Phase, Protocol, State, Way};
use crate::topology::{DeviceRef, Namespace, NamespaceKind, Service, Topology};
use std::net::IpAddr;

/// Where a packet was last seen, and what ought to have followed.
#[derive(Clone, Debug)]
pub struct Stop<'a> {
    /// Index of the last hop.
    pub last: usize,
    /// The last hop.
    pub hop: &'a Hop,
    /// Its device's part on the path.
    pub spot: Option<Spot>,
    /// What ought to have followed.
    pub next: Next,
    /// A drop of this leg at or after that hop.
    pub drop: Option<&'a Drop>,
    /// The hop that ought to have followed was tapped, and nothing was lost.
    pub silent: bool,
}

impl Stop<'_> {
    /// Whether the last hop is there.
    pub fn is_at(&self, spot: Spot, way: Way) -> bool {
        self.spot == Some(spot) && self.hop.way == way
    }

    /// Whether it is known that the packet went no further.
    pub fn proven(&self) -> bool {
        self.silent || self.drop.is_some()
    }

    /// The hop that ought to have followed.
    pub fn expected(&self) -> Option<&Expected> {
        match &self.next {
            Next::Hop(expected) => Some(expected),
            _ => None,
        }
    }

    /// Proven where it is, else likely.
    pub fn certainty(&self) -> Certainty {
        Certainty::proven_if(self.proven())
    }
}

impl<'a> Case<'a> {
    /// Hop number `index`.
    pub fn hop(&self, index: usize) -> Option<&'a Hop> {
        self.timeline.hops.get(index)
    }

    /// Every hop with its index.
    pub fn hops(&self) -> impl Iterator<Item = (usize, &'a Hop)> + use<'a> {
        self.timeline.hops.iter().enumerate()
    }

    /// The first hop of that leg at that part of the path, in any phase.
    pub fn at(&self, leg: Leg, spot: Spot, way: Way) -> Option<(usize, &'a Hop)> {
        self.hops()
            .find(|(_, h)| h.leg == leg && h.way == way && self.spot(h) == Some(spot))
    }

    /// What opens a flow of this protocol.
    pub fn opening(&self) -> Phase {
        match self.timeline.protocol {
            Protocol::Tcp => Phase::Syn,
            Protocol::Udp => Phase::Request,
        }
    }

    /// What answers it.
    pub fn answer(&self) -> Phase {
        match self.timeline.protocol {
            Protocol::Tcp => Phase::SynAck,
            Protocol::Udp => Phase::Response,
        }
    }

    /// IP protocol number.
    pub fn protocol_number(&self) -> u8 {
        match self.timeline.protocol {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
        }
    }

    /// What the client dialled.
    pub fn kind(&self) -> Kind {
        kind(self)
    }

    /// The part of the hop's device on the path.
    pub fn spot(&self, hop: &Hop) -> Option<Spot> {
        let at = DeviceRef {
            namespace: hop.netns,
            ifindex: hop.ifindex,
        };
        match self
            .topology_of(&hop.node)
            .and_then(|t| t.device(at).map(|d| (t, d)))
        {
            Some((topology, (namespace, device))) => spot(topology, namespace, device),
            None => guess(hop),
        }
    }

    /// The snapshot of that node.
    pub fn topology_of(&self, node: &str) -> Option<&'a Topology> {
        let (this, others) = (self.topology, self.others);
        std::iter::once(this).chain(others).find(|t| is_of(t, node))
    }

    /// The node that has that VTEP among its own devices, and its snapshot.
    pub fn node_of_vtep(&self, vtep: IpAddr) -> Option<(&'a str, &'a Topology)> {
        let (this, others) = (self.topology, self.others);
        std::iter::once(this)
            .chain(others)
            .find(|t| {
                t.host().is_some_and(|host| {
                    (host.devices.iter()).any(|d| d.addresses.iter().any(|a| a.addr() == vtep))
                })
            })
            .map(|t| (t.hostname.as_str(), t))
    }

    /// The VTEP that an overlay's forwarding table puts that address behind.
    pub fn vtep_of(&self, overlay: &Namespace, address: IpAddr) -> Option<IpAddr> {
        let mac = neighbour_mac(overlay, address)?;
        let entry = overlay
            .fdb
            .iter()
            .find(|f| f.mac.eq_ignore_ascii_case(mac))?;
        Some(entry.vtep)
    }

    /// The service that was asked for.
    pub fn service(&self) -> Option<&'a Service> {
        let topology = self.topology;
        if let Some(name) = &self.timeline.service {
            return topology.service(name);
        }
        topology.service_by_vip(self.timeline.entry.ip().to_canonical())
    }

    /// The sandbox that balances this flow on this node: `ingress_sbox` for a
    /// published port, the network's `lb_…` for a virtual address.
    pub fn balancer(&self) -> Option<&'a Namespace> {
        let topology = self.topology;
        let kind = self.kind();
        let entry = self.timeline.entry.ip().to_canonical();
        let vips = || topology.services.iter().flat_map(|s| &s.vips);
        topology.namespaces.iter().find(|n| match &n.kind {
            NamespaceKind::IngressSandbox => kind == Kind::Published,
            NamespaceKind::LoadBalancer { network: Some(id) } if kind == Kind::Virtual => {
                vips().any(|v| v.address == entry && v.network == *id)
            }
            NamespaceKind::LoadBalancer { network: None } if kind == Kind::Virtual => {
                (n.devices.iter()).any(|d| d.addresses.iter().any(|a| a.addr() == entry))
            }
            _ => false,
        })
    }

    /// Whether all that was watched arrived: no event lost on any node, none
    /// left out, and the flow seen from its start.
    pub fn complete(&self) -> bool {
        let gap = |g: &Gap| !matches!(g, Gap::OtherNodeMissing);
        self.coverage.lost() == 0 && !self.timeline.gaps.iter().any(gap)
    }

    /// Whether no event was lost and none left out; the start may not have been
    /// seen.
    pub fn lossless(&self) -> bool {
        let harmless = |g: &Gap| matches!(g, Gap::OtherNodeMissing | Gap::StartNotSeen);
        self.coverage.lost() == 0 && self.timeline.gaps.iter().all(harmless)
    }

    /// Whether the flow failed.
    pub fn failing(&self) -> bool {
        !matches!(self.timeline.state, State::Established | State::Closed)
    }

    /// Whether a tap was on every device of the node that plays that part.
    pub fn watched(&self, node: &str, part: Spot, way: Way) -> bool {
        let Some(topology) = self.topology_of(node) else {
            return false;
        };
        let mut devices = (topology.namespaces.iter())
            .flat_map(|n| n.devices.iter().map(move |d| (n, d)))
            .filter(|(n, d)| spot(topology, n, d) == Some(part))
            .map(|(n, d)| (n.inode, d.ifindex))
            .peekable();
        devices.peek().is_some()
            && devices.all(|(netns, ifindex)| {
                self.coverage.tapped(
                    node,
                    Tap {
                        netns,
                        ifindex,
                        way,
                    },
                )
            })
    }

    /// The furthest hop that a packet of that phase got to.
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

    /// How often a packet of that phase was sent, as far as was seen.
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

    /// Where the answer stopped, in a flow whose answer was lost.
    pub fn reply_stop(&self) -> Option<Stop<'a>> {
        match self.timeline.state {
            State::AnswerLost { last } => self.stop_at(last),
            _ => None,
        }
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

    /// Any of the three.
    pub fn stop(&self) -> Option<Stop<'a>> {
        self.forward_stop()
            .or_else(|| self.reply_stop())
            .or_else(|| self.data_stop())
    }

    fn stop_at(&self, last: usize) -> Option<Stop<'a>> {
        let hop = self.hop(last)?;
        let next = next(self, last);
        let silent = match &next {
            Next::Hop(expected) => self.complete() && expected.tapped(self),
            _ => false,
        };
        Some(Stop {
            last,
            hop,
            spot: self.spot(hop),
            drop: self.drop_after(hop),
            silent,
            next,
        })
    }

    /// A drop of the hop's leg: on its node since a packet first got to the
    /// hop's place, or on another node.
    fn drop_after(&self, hop: &Hop) -> Option<&'a Drop> {
        let drops = self.drops;
        let place = |h: &Hop| (h.netns, h.ifindex, h.way, h.leg, h.phase);
        let since = (self.timeline.hops.iter())
            .filter(|h| h.node == hop.node && place(h) == place(hop))
            .map(|h| h.time_ns)
            .min()
            .unwrap_or(hop.time_ns);
        (drops.iter())
            .find(|d| self.leg_of(d) == hop.leg && (d.node != hop.node || d.time >= since))
    }

    /// The leg that a dropped packet belongs to, by its addresses: its own, or
    /// those of the VXLAN datagram that it is in.
    pub fn leg_of(&self, drop: &Drop) -> Leg {
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

    /// A drop for which `fits` holds.
    pub fn drop_where(&self, fits: impl Fn(&Drop) -> bool) -> Option<&'a Drop> {
        let drops = self.drops;
        drops.iter().find(|d| fits(d))
    }

    /// What the namespace of a drop is for.
    pub fn drop_place(&self, drop: &Drop) -> Option<&'a NamespaceKind> {
        Some(&self.topology_of(&drop.node)?.namespace(drop.netns)?.kind)
    }

    /// Where the reset of a refused or broken connection was first seen.
    pub fn reset_birth(&self) -> Option<(usize, &'a Hop)> {
        let by = match self.timeline.state {
            State::Refused { by } | State::Reset { by, .. } => by,
            _ => return None,
        };
        self.hop(by).map(|h| (by, h))
    }

    /// The reset that a kernel says it sent from there.
    pub fn reset_sent(&self, hop: &Hop) -> Option<&'a ResetSent> {
        let resets = self.resets;
        resets
            .iter()
            .find(|r| r.node == hop.node && r.netns == hop.netns)
    }

    /// Where an ICMP error that answered the flow was first seen.
    pub fn icmp_birth(&self) -> Option<(usize, &'a Hop, u8, u8)> {
        match self.timeline.state {
            State::IcmpError { by, kind, code } => self.hop(by).map(|h| (by, h, kind, code)),
            _ => None,
        }
    }

    /// Whether the handshake (first exchange) was ever answered.
    pub fn answered(&self) -> bool {
        self.hops()
            .any(|(_, h)| h.leg == Leg::Reply && h.phase == self.answer())
    }
}

/// The link-layer address that an overlay's neighbour table gives an address.
pub fn neighbour_mac(overlay: &Namespace, address: IpAddr) -> Option<&str> {
    (overlay.neighbours.iter())
        .find(|n| n.address == address && !n.mac.is_empty() && n.state != "failed")
        .map(|n| n.mac.as_str())
}

/// Whether the kernel says that a neighbour could not be resolved.
pub fn unresolved(drop: &Drop) -> bool {
    drop.is(&[
        "NEIGH_FAILED",
        "NEIGH_QUEUEFULL",
        "NEIGH_DEAD",
        "NEIGH_CREATEFAIL",
    ]) || drop.reason().is_none()
        && drop.at(&["arp_error_report", "neigh_invalidate", "__neigh_event_send"])
}

/// Whether an answer that was first seen leaving a sandbox was born in it: the
/// kernel says so, or the sandbox's inner side was watched and nothing was lost.
pub fn born_in_sandbox(case: &Case<'_>, hop: &Hop) -> bool {
    let inner = match case.spot(hop) {
        Some(Spot::IngressGateway | Spot::IngressOverlay) => Spot::IngressOverlay,
        Some(Spot::Balancer) => Spot::Balancer,
        _ => return false,
    };
    let sent = case.reset_sent(hop).is_some();
    sent || case.lossless() && case.watched(&hop.node, inner, Way::In)
}

fn is_of(topology: &Topology, node: &str) -> bool {
    topology.hostname == node || (topology.nodes.iter()).any(|n| n.local && n.hostname == node)
}
