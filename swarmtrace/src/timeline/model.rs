//! The timeline's shapes, which are also its JSON (`recording::TimelineLine`).
//!
//! A timeline is plain data: everything that a person, a rule or another node
//! needs is in it, so that neither the events nor the topology are needed
//! again. All times are nanoseconds; all numbers are plain JSON numbers;
//! addresses are `192.0.2.1:80` or `[2001:db8::1]:80`.

use super::hop::Hop;
use super::kernel_reports::{PacketDrop, ResetSent};
use crate::flow::Leg;
use crate::sys::clock::{Mono, Nanos, Wall};
use crate::sys::protocol::Protocol;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// One flow as one node saw it, or as several did together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// Names of the nodes whose taps contributed, in the order of the path.
    pub nodes: Vec<String>,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Service that the client connected to, where it is known.
    pub service: Option<String>,
    /// Task that it went to: `vote.2`.
    pub task: Option<String>,
    /// Name of the node that runs the task.
    pub task_node: Option<String>,
    /// Who opened the connection, as first seen.
    pub client: SocketAddr,
    /// What the client connected to: a node's published port, a virtual address,
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
    /// The first hop, by its node's wall clock.
    pub started: Wall,
    /// The first hop, by its node's monotonic clock.
    pub started_monotonic: Mono,
    /// First SYN to SYN-ACK, both at the first tap of the path that saw both.
    pub handshake_ns: Option<Nanos>,
    /// First data of the client to first data of the server (datagrams: request
    /// to reply), both at the first tap of the path that saw both.
    pub first_byte_ns: Option<Nanos>,
    /// First event to last event.
    pub duration_ns: Nanos,
    /// What identifies this flow on another node.
    pub key: JoinKey,
    /// The node that the forward leg's packets left for, by VXLAN.
    pub left_for: Option<Peer>,
    /// The node that the forward leg's packets came from, by VXLAN.
    pub came_from: Option<Peer>,
    /// Packets that were sent again: SYN, SYN-ACK and first data segments.
    pub retransmissions: u32,
    /// Why parts of it may be missing; empty where nothing is known to be.
    pub gaps: Vec<Gap>,
    /// 0 when the flow is emitted for the first time; one more each time it is
    /// emitted again because something happened to it since (a reset after the
    /// first answer, an answer after all).
    pub revision: u32,
    /// Every hop, by packet, in the order of the path.
    pub hops: Vec<Hop>,
    /// Clock offsets between the nodes of a joined timeline.
    pub clocks: Vec<NodeClock>,
    /// Sightings that are no hops: frames that a bridge flooded to ports they were
    /// not for, because it had not learnt the destination's MAC.
    #[serde(default, rename = "copies")]
    pub flooded: u32,
    /// Packets of this flow that a kernel dropped.
    #[serde(default)]
    pub drops: Vec<PacketDrop>,
    /// Resets that a kernel sent for this flow.
    #[serde(default)]
    pub resets: Vec<ResetSent>,
}

/// What became of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum State {
    /// TCP: the handshake was answered. UDP: a reply followed the request.
    Established,
    /// Both ends sent a FIN.
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
    /// No answer was seen. [`Timeline::reached`] is how far it got.
    Unanswered,
    /// The task's side answered, but the answer was not seen to reach the first
    /// tap of the path.
    AnswerLost {
        /// Index into [`Timeline::hops`] of the last place the answer was seen.
        last: usize,
    },
}

/// A node at the other end of a VXLAN tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Peer {
    /// Its VTEP address.
    pub vtep: IpAddr,
    /// Its name, where the topology knows it.
    pub node: Option<String>,
    /// VXLAN network identifier.
    pub vni: u32,
}

/// What identifies a flow on another node: fields that no rewrite changes,
/// and its addresses between the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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

/// What identifies a UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct DatagramKey {
    /// IP identification.
    pub ip_id: u16,
    /// Payload bytes.
    pub length: u32,
    /// A mix of the first payload bytes.
    pub tag: u32,
}

/// Why parts of a timeline may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeClock {
    /// Name of the node.
    pub node: String,
    /// Its `CLOCK_MONOTONIC` minus the first node's.
    pub offset_ns: Nanos,
    /// Half-width of the offset; `None` where it could not be estimated and only
    /// causality orders the events.
    pub bound_ns: Option<Nanos>,
    /// How many exchanges the estimate rests on.
    pub samples: u32,
}
