//! The timeline's shapes, which are also its JSON.
//!
//! A timeline is plain data: everything that a person, a rule or another node
//! needs is in it, so that neither the events nor the topology are wanted
//! again. The JSON carries a `format` and a `version`: fields may be added
//! under one version, and readers ignore what they do not know; a change of
//! meaning raises the version. All times are nanoseconds; all numbers are
//! plain JSON numbers; addresses are `192.0.2.1:80` or `[2001:db8::1]:80`.

use super::drops::{Drop, ResetSent};
use crate::flow::{Leg, Phase, Way};
use crate::sys::protocol::Protocol;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The `format` of a timeline's JSON.
pub const FORMAT: &str = "swarmtrace-timeline";
/// The `version` of a timeline's JSON.
pub const VERSION: u32 = 1;

/// The `format` of the JSON object that follows a trace's timelines: its figures.
pub const SUMMARY_FORMAT: &str = "swarmtrace-summary";

/// The `format` of the JSON object that says what a node was and what was watched
/// there while it was traced.
pub const NODE_FORMAT: &str = "swarmtrace-node";

/// One flow as one node saw it, or as several did together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// [`FORMAT`]
    pub format: String,
    /// [`VERSION`]
    pub version: u32,
    /// Names of the nodes whose taps contributed, in the order of the path.
    pub nodes: Vec<String>,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Service that was asked for, where it is known.
    pub service: Option<String>,
    /// Task that it went to: `vote.2`.
    pub task: Option<String>,
    /// Name of the node that runs the task.
    pub task_node: Option<String>,
    /// Who opened the connection, as first seen.
    pub client: SocketAddr,
    /// What the client asked for: a node's published port, a virtual address,
    /// or a task's own address.
    pub entry: SocketAddr,
    /// Name of the node that `entry` belongs to.
    pub entry_node: Option<String>,
    /// Where the connection ends after every rewrite that was seen.
    pub backend: Option<SocketAddr>,
    /// What became of it.
    pub state: State,
    /// The furthest hop of the forward leg, as an index into `hops`.
    pub reached: Option<usize>,
    /// Nanoseconds since the Unix epoch at the first hop, by its node's clock.
    pub started: u64,
    /// CLOCK_MONOTONIC of the first hop on its node.
    pub started_monotonic: u64,
    /// First SYN to SYN-ACK, both at the first tap of the path that saw both.
    pub handshake_ns: Option<u64>,
    /// First data of the client to first data of the server (datagrams: request
    /// to reply), both at the first tap of the path that saw both.
    pub first_byte_ns: Option<u64>,
    /// First event to last event.
    pub duration_ns: u64,
    /// What this flow is recognised by on another node.
    pub key: JoinKey,
    /// The node that the forward leg's packets left for, by VXLAN.
    pub left_for: Option<Peer>,
    /// The node that the forward leg's packets came from, by VXLAN.
    pub came_from: Option<Peer>,
    /// Packets that were sent again: SYN, SYN-ACK and first data segments.
    pub retransmissions: u32,
    /// Why parts of it may be missing; empty where nothing is known to be.
    pub gaps: Vec<Gap>,
    /// 0 where the flow is told of for the first time; one more each time it is
    /// told of again because something happened to it since (a reset after the
    /// first answer, an answer after all).
    pub revision: u32,
    /// Every hop, by packet, in the order of the path.
    pub hops: Vec<Hop>,
    /// Clock offsets between the nodes of a joined timeline.
    pub clocks: Vec<NodeClock>,
    /// Sightings that are no hops: copies that a bridge which had not learnt the
    /// destination's MAC flooded to ports it was not for.
    #[serde(default)]
    pub copies: u32,
    /// Packets of this flow that a kernel says it dropped.
    #[serde(default)]
    pub drops: Vec<Drop>,
    /// Resets that a kernel says it sent for this flow.
    #[serde(default)]
    pub resets: Vec<ResetSent>,
}

/// What became of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum State {
    /// TCP: the handshake was answered. UDP: a reply followed the request.
    Established,
    /// Both ends said FIN.
    Closed,
    /// A reset answered the SYN.
    Refused {
        /// Index into [`Timeline::hops`] of the first place the reset was seen.
        by: usize,
    },
    /// A reset broke an established connection.
    Reset {
        /// Index into [`Timeline::hops`] of the first place the reset was seen.
        by: usize,
        /// Whose side sent it.
        leg: Leg,
    },
    /// An ICMP error answered it.
    IcmpError {
        /// Index into [`Timeline::hops`] of the first place the error was seen.
        by: usize,
        /// ICMP (or ICMPv6) type.
        kind: u8,
        /// ICMP (or ICMPv6) code.
        code: u8,
    },
    /// No answer was seen. [`Timeline::reached`] says how far it got.
    Unanswered,
    /// The task's side answered, but the answer was not seen to reach the first
    /// tap of the path.
    AnswerLost {
        /// Index into [`Timeline::hops`] of the last place the answer was seen.
        last: usize,
    },
}

/// One step of a packet's path. Its names are shared with the other hops there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// Name of the node.
    pub node: Arc<str>,
    /// Inode of the namespace.
    pub netns: u32,
    /// Name of the namespace (`ingress_sbox`, `vote.2`, `ns:4026531840` where
    /// the topology does not know it).
    pub namespace: Arc<str>,
    /// What the namespace is for.
    pub place: Place,
    /// Index of the device in the namespace.
    pub ifindex: u32,
    /// Name of the device (`if7` where the topology does not know it).
    pub device: Arc<str>,
    /// The device's part on the path, the same for every connection that takes
    /// it: `overlay1 port of vote.2`. Histograms are kept by it.
    pub role: Arc<str>,
    /// Which way it crossed the device.
    pub way: Way,
    /// CLOCK_MONOTONIC of the hop's node.
    pub time_ns: u64,
    /// Since the timeline's first hop; in a joined timeline on the first node's
    /// clock, so ± `uncertainty_ns`.
    pub offset_ns: i64,
    /// Half-width of `offset_ns`: 0 on the first hop's own node, `None` where
    /// only causality orders it.
    pub uncertainty_ns: Option<u64>,
    /// What kind of packet.
    pub phase: Phase,
    /// 1 for the first transmission of that packet, 2 for the next, …
    pub attempt: u32,
    /// What the transmission is recognised by on another node.
    pub packet: PacketKey,
    /// Which way along the path.
    pub leg: Leg,
    /// The packet's source here (the inner packet's, the quoted packet's).
    pub source: SocketAddr,
    /// The packet's destination here.
    pub destination: SocketAddr,
    /// `skb->mark`
    pub mark: u32,
    /// The VXLAN datagram that it is in.
    pub vxlan: Option<Vxlan>,
    /// The ICMP error's own addresses, type and code.
    pub icmp: Option<Icmp>,
    /// Conntrack's ORIGINAL and REPLY tuples, where an entry was attached.
    pub conntrack: Option<Conntrack>,
    /// What happened to the packet since the hop before (for the first hop:
    /// before it, by conntrack).
    pub rewrites: Vec<Rewrite>,
    /// What happened to the packet after its last hop, by the answer's conntrack
    /// entry: a task's REDIRECT.
    pub then: Vec<Rewrite>,
    /// How the hop is known to follow the one before.
    pub proof: Proof,
}

/// What one transmission of a packet is recognised by: fields that no rewrite
/// changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PacketKey {
    /// TCP sequence number; UDP: a mix of payload and length.
    pub seq: u32,
    /// TCP acknowledgment number.
    pub ack: u32,
    /// TCP timestamp value, 0 where there is none.
    pub tsval: u32,
    /// IP identification.
    pub ip_id: u16,
    /// Payload bytes.
    pub payload_length: u32,
}

/// What a hop's namespace is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The node's own namespace.
    Host,
    /// `ingress_sbox`
    IngressSandbox,
    /// `lb_…`
    LoadBalancer,
    /// `1-…`: an overlay network's bridge and VXLAN device.
    Overlay,
    /// A container.
    Container,
    /// Another namespace, or one the topology does not know.
    Unknown,
}

/// A VXLAN datagram around a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vxlan {
    /// VXLAN network identifier.
    pub vni: u32,
    /// The overlay network of that VNI.
    pub network: Option<Arc<str>>,
    /// Outer source: the sender's VTEP.
    pub from: IpAddr,
    /// Outer destination: the receiver's VTEP.
    pub to: IpAddr,
    /// Name of the node that `from` stands for.
    pub from_node: Option<Arc<str>>,
    /// Name of the node that `to` stands for.
    pub to_node: Option<Arc<str>>,
}

/// An ICMP error's own header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Icmp {
    /// Who sent it.
    pub from: IpAddr,
    /// Whom it tells.
    pub to: IpAddr,
    /// ICMP (or ICMPv6) type.
    pub kind: u8,
    /// ICMP (or ICMPv6) code.
    pub code: u8,
}

/// Conntrack's two tuples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conntrack {
    /// ORIGINAL: before translation.
    pub original: (SocketAddr, SocketAddr),
    /// REPLY: the answer to the packet after translation.
    pub reply: (SocketAddr, SocketAddr),
}

/// What happened to a packet between two hops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "did")]
pub enum Rewrite {
    /// Destination changed by NAT.
    Dnat {
        /// Before.
        from: SocketAddr,
        /// After.
        to: SocketAddr,
    },
    /// Destination port changed by REDIRECT, on the same address.
    Redirect {
        /// Before.
        from_port: u16,
        /// After.
        to_port: u16,
    },
    /// Source changed by NAT.
    Snat {
        /// Before.
        from: SocketAddr,
        /// After.
        to: SocketAddr,
    },
    /// Source changed to the node's own address, in the node's own namespace.
    Masquerade {
        /// Before.
        from: SocketAddr,
        /// After.
        to: SocketAddr,
    },
    /// A firewall mark was set.
    Fwmark {
        /// The mark.
        mark: u32,
        /// The service that it stands for on this node.
        service: Option<String>,
    },
    /// IPVS chose a backend.
    Ipvs {
        /// What was asked for.
        virtual_server: SocketAddr,
        /// The one chosen.
        backend: SocketAddr,
        /// `rr`, where the IPVS table was read.
        scheduler: Option<String>,
        /// The mark it was chosen by.
        mark: Option<u32>,
    },
    /// Put into a VXLAN datagram.
    VxlanEncap {
        /// VXLAN network identifier.
        vni: u32,
        /// The sender's VTEP.
        from: IpAddr,
        /// The receiver's VTEP.
        to: IpAddr,
    },
    /// Taken out of a VXLAN datagram.
    VxlanDecap {
        /// VXLAN network identifier.
        vni: u32,
    },
    /// An answer's source put back to what the client had asked for.
    UnDnat {
        /// Before.
        from: SocketAddr,
        /// After.
        to: SocketAddr,
    },
    /// An answer's destination put back to who had asked.
    UnSnat {
        /// Before.
        from: SocketAddr,
        /// After.
        to: SocketAddr,
    },
}

/// How a hop is known to follow the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// The packet's first hop: there is none before.
    First,
    /// The same packet with the same addresses.
    SamePacket,
    /// The addresses changed, and a conntrack entry names both.
    ConntrackConfirmed,
    /// The addresses changed; sequence numbers and packet fields alone say that
    /// it is the same packet.
    SequenceInferred,
}

/// A node at the other end of a VXLAN tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its VTEP address.
    pub vtep: IpAddr,
    /// Its name, where the topology knows it.
    pub node: Option<String>,
    /// VXLAN network identifier.
    pub vni: u32,
}

/// What a flow is recognised by on another node: fields that no rewrite changes,
/// and the addresses it wears between the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JoinKey {
    /// TCP: the client's initial sequence number.
    pub isn: Option<u32>,
    /// TCP: the server's initial sequence number.
    pub server_isn: Option<u32>,
    /// UDP: the request's.
    pub datagram: Option<DatagramKey>,
    /// Inner source and destination inside VXLAN, of the forward leg.
    pub tunnel: Option<(SocketAddr, SocketAddr)>,
}

/// What a UDP datagram is recognised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DatagramKey {
    /// IP identification.
    pub ip_id: u16,
    /// Payload bytes.
    pub length: u32,
    /// A mix of the first payload bytes.
    pub tag: u32,
}

/// Why parts of a timeline may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Gap {
    /// Events were lost on the way from the kernel while the flow lived.
    EventsLost {
        /// How many, of all flows.
        count: u64,
    },
    /// Its SYN (first datagram) was not seen: it began before the trace, or the
    /// event was lost.
    StartNotSeen,
    /// More packets or sightings than are kept for one flow.
    Omitted {
        /// How many sightings.
        count: u64,
    },
    /// The other node's timeline was not among those joined.
    OtherNodeMissing,
}

/// One node's clock against the first node's, in a joined timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeClock {
    /// Name of the node.
    pub node: String,
    /// Its CLOCK_MONOTONIC minus the first node's.
    pub offset_ns: i64,
    /// Half-width of the offset; `None` where it could not be estimated and only
    /// causality orders the events.
    pub bound_ns: Option<u64>,
    /// How many exchanges the estimate rests on.
    pub samples: u32,
}
