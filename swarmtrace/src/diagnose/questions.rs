//! Questions that rules ask of a case.
//!
//! What did the client dial? Which sandbox balances it? Where was the reset
//! born? Was every event seen? A rule combines a few of these, where the packet
//! stopped ([`Stop`](super::stop::Stop)), and the topology.

use super::case::{Case, PacketDrop, ResetSent, Tap};
use super::dialled::{Dialled, dialled};
use super::guess::guess;
use super::health::is_failing;
use crate::timeline::{Direction, Gap, Hop, Leg, Phase, Protocol, State};
use crate::topology::role::role;
use crate::topology::{Mac, Namespace, NamespaceKind, NeighbourState, Role, Service, Topology};
use std::net::IpAddr;

impl<'a> Case<'a> {
    /// Hop number `index`.
    pub fn hop(&self, index: usize) -> Option<&'a Hop> {
        self.timeline.hops.get(index)
    }

    /// Every hop with its index.
    pub fn hops(&self) -> impl Iterator<Item = (usize, &'a Hop)> + use<'a> {
        self.timeline.hops.iter().enumerate()
    }

    /// The first hop of that leg at that role and direction, in any phase, and its
    /// index.
    pub fn at(&self, leg: Leg, role: Role, way: Direction) -> Option<(usize, &'a Hop)> {
        self.hops()
            .find(|(_, h)| h.leg == leg && h.way == way && self.role(h) == Some(role))
    }

    /// The phase that opens a flow of this protocol.
    pub fn opening(&self) -> Phase {
        match self.timeline.protocol {
            Protocol::Tcp => Phase::Syn,
            Protocol::Udp | Protocol::Sctp => Phase::Request,
        }
    }

    /// The phase that answers the opening one.
    pub fn answer(&self) -> Phase {
        match self.timeline.protocol {
            Protocol::Tcp => Phase::SynAck,
            Protocol::Udp | Protocol::Sctp => Phase::Response,
        }
    }

    /// What the client dialled.
    pub fn dialled(&self) -> Dialled {
        dialled(self)
    }

    /// The role of the hop's device.
    pub fn role(&self, hop: &Hop) -> Option<Role> {
        let known = self.topology_of(&hop.node).and_then(|t| t.role(hop.at()));
        known.or_else(|| guess(hop))
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
        let entry = overlay.fdb.iter().find(|f| f.mac == mac)?;
        Some(entry.vtep)
    }

    /// The service that the client dialled, by the timeline or by its virtual
    /// address.
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
        let dialled = self.dialled();
        let entry = self.timeline.entry.ip().to_canonical();
        let vips = || topology.services.iter().flat_map(|s| &s.vips);
        topology.namespaces.iter().find(|n| match &n.kind {
            NamespaceKind::IngressSandbox => dialled == Dialled::Published,
            NamespaceKind::LoadBalancer { network: Some(id) } if dialled == Dialled::Virtual => {
                vips().any(|v| v.address == entry && v.network == *id)
            }
            NamespaceKind::LoadBalancer { network: None } if dialled == Dialled::Virtual => {
                (n.devices.iter()).any(|d| d.addresses.iter().any(|a| a.addr() == entry))
            }
            _ => false,
        })
    }

    /// Whether every event of the flow arrived: none lost on any node, none
    /// omitted, and the flow seen from its start.
    pub fn complete(&self) -> bool {
        let gap = |g: &Gap| !matches!(g, Gap::OtherNodeMissing);
        self.coverage.lost() == 0 && !self.timeline.gaps.iter().any(gap)
    }

    /// Whether no event was lost or omitted; the start may not have been seen.
    pub fn lossless(&self) -> bool {
        let harmless = |g: &Gap| matches!(g, Gap::OtherNodeMissing | Gap::StartNotSeen);
        self.coverage.lost() == 0 && self.timeline.gaps.iter().all(harmless)
    }

    /// Whether the flow failed.
    pub fn failing(&self) -> bool {
        is_failing(self.timeline)
    }

    /// Whether the node has devices of that role, and each was tapped in that
    /// direction.
    pub fn watched(&self, node: &str, wanted: Role, way: Direction) -> bool {
        let Some(topology) = self.topology_of(node) else {
            return false;
        };
        let mut devices = (topology.namespaces.iter())
            .flat_map(|n| n.devices.iter().map(move |d| (n, d)))
            .filter(|(n, d)| role(topology, n, d) == wanted)
            .map(|(n, d)| n.at(d))
            .peekable();
        devices.peek().is_some() && devices.all(|at| self.coverage.tapped(node, Tap { at, way }))
    }

    /// The drops of this flow's own packets.
    ///
    /// A bridge floods a packet to all its ports if it does not know where the
    /// destination is, and whoever else gets a copy drops it. Those drops say
    /// nothing of the packet.
    pub fn own_drops(&self) -> impl Iterator<Item = &'a PacketDrop> + use<'a, '_> {
        let drops = self.drops;
        drops.iter().filter(|d| !self.is_copy(d))
    }

    /// The first of its own drops for which `fits` holds.
    pub fn drop_where(&self, fits: impl Fn(&PacketDrop) -> bool) -> Option<&'a PacketDrop> {
        self.own_drops().find(|d| fits(d))
    }

    /// Whether what was dropped is a copy that a bridge flooded to a bystander: a
    /// frame with another's MAC address, or a packet in a container that has
    /// neither of its addresses.
    ///
    /// Relied on: `ip_rcv_core` drops `PACKET_OTHERHOST` with the reason OTHERHOST.
    fn is_copy(&self, drop: &PacketDrop) -> bool {
        if drop.is(&["OTHERHOST"]) {
            return true;
        }
        let namespace = self
            .topology_of(&drop.node)
            .and_then(|t| t.namespace(drop.netns));
        namespace.is_some_and(|n| {
            matches!(n.kind, NamespaceKind::Container { .. })
                && !n.holds(drop.source.ip())
                && !n.holds(drop.destination.ip())
        })
    }

    /// The kind of a drop's namespace, if the node's topology has it.
    pub fn drop_place(&self, drop: &PacketDrop) -> Option<&'a NamespaceKind> {
        Some(&self.topology_of(&drop.node)?.namespace(drop.netns)?.kind)
    }

    /// The hop where the reset of a refused or broken connection was first seen.
    pub fn reset_birth(&self) -> Option<(usize, &'a Hop)> {
        let (State::Refused { by } | State::Reset { by, .. }) = self.timeline.state else {
            return None;
        };
        self.hop(by).map(|h| (by, h))
    }

    /// The reset that the kernel reports to have sent from the hop's namespace.
    pub fn reset_sent(&self, hop: &Hop) -> Option<&'a ResetSent> {
        let resets = self.resets;
        resets
            .iter()
            .find(|r| r.node == *hop.node && r.netns == hop.netns)
    }

    /// The hop where an ICMP error that answered the flow was first seen, with its
    /// type and code.
    pub fn icmp_birth(&self) -> Option<(usize, &'a Hop, u8, u8)> {
        match self.timeline.state {
            State::IcmpError { by, kind, code } => self.hop(by).map(|h| (by, h, kind, code)),
            _ => None,
        }
    }

    /// The same if the error says that a packet filter refuses: prohibited, for the
    /// network, the host or by administration.
    pub fn prohibited(&self) -> Option<(usize, &'a Hop, u8)> {
        match self.icmp_birth() {
            Some((index, hop, 3, code @ (9 | 10 | 13))) => Some((index, hop, code)),
            _ => None,
        }
    }

    /// Whether the handshake (first exchange) was ever answered.
    pub fn answered(&self) -> bool {
        self.hops()
            .any(|(_, h)| h.leg == Leg::Reply && h.phase == self.answer())
    }
}

/// The MAC address that an overlay's neighbour table has for an address.
pub fn neighbour_mac(overlay: &Namespace, address: IpAddr) -> Option<Mac> {
    (overlay.neighbours.iter())
        .find(|n| n.address == address && n.mac.is_some() && n.state != NeighbourState::Failed)?
        .mac
}

/// Whether the drop's reason, or the function where it happened on kernels
/// without reasons, is an unresolved neighbour.
pub fn unresolved(drop: &PacketDrop) -> bool {
    drop.is(&[
        "NEIGH_FAILED",
        "NEIGH_QUEUEFULL",
        "NEIGH_DEAD",
        "NEIGH_CREATEFAIL",
    ]) || drop.reason().is_none()
        && drop.at(&["arp_error_report", "neigh_invalidate", "__neigh_event_send"])
}

/// Whether a VXLAN device's receive function dropped it, on a kernel that gives
/// no reason: because the sender's MAC is behind another VTEP if the device was
/// found (the packet is on it), because of the VNI if none was.
///
/// Relied on: `vxlan_rcv` in `drivers/net/vxlan/vxlan_core.c`; both are reasons
/// since 6.12.
pub fn refused_by_vxlan(drop: &PacketDrop) -> bool {
    drop.reason().is_none() && drop.at(&["vxlan_rcv"])
}

/// Whether an answer that was first seen leaving a sandbox was born in it: the
/// kernel reports it, or the sandbox's inner side was watched without a loss and
/// did not see it.
pub fn born_in_sandbox(case: &Case<'_>, hop: &Hop) -> bool {
    let inner = match case.role(hop) {
        Some(Role::IngressGateway | Role::IngressOverlay) => Role::IngressOverlay,
        Some(Role::LoadBalancer) => Role::LoadBalancer,
        _ => return false,
    };
    let sent = case.reset_sent(hop).is_some();
    sent || case.lossless() && case.watched(&hop.node, inner, Direction::Ingress)
}

fn is_of(topology: &Topology, node: &str) -> bool {
    topology.hostname == node || (topology.nodes.iter()).any(|n| n.local && n.hostname == node)
}
