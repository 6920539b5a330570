//! A hop: one step of a packet's path.

use super::rewrite::Rewrite;
use crate::flow::{Leg, Phase};
use crate::sys::clock::{Mono, Nanos};
use crate::topology::{DeviceRef, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use swarmtrace_common::Direction;

/// One step of a packet's path. Its names are shared with the other hops there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    pub way: Direction,
    /// When, by the clock of the hop's node.
    pub time_ns: Mono,
    /// Since the timeline's first hop; in a joined timeline on the first node's
    /// clock, so ± `uncertainty_ns`.
    pub offset_ns: Nanos,
    /// Half-width of `offset_ns`: 0 on the first hop's own node, `None` where
    /// only causality orders it.
    pub uncertainty_ns: Option<Nanos>,
    /// What kind of packet.
    pub phase: Phase,
    /// 1 for the first transmission of that packet, 2 for the next, …
    pub attempt: u32,
    /// What identifies the transmission on another node.
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

impl Hop {
    /// The device that the packet crossed.
    pub fn at(&self) -> DeviceRef {
        DeviceRef {
            namespace: self.netns,
            ifindex: self.ifindex,
        }
    }
}

/// What identifies one transmission of a packet: fields that no rewrite
/// changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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

/// A VXLAN datagram around a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Icmp {
    /// Who sent it.
    pub from: IpAddr,
    /// Who gets it.
    pub to: IpAddr,
    /// ICMP (or ICMPv6) type.
    pub kind: u8,
    /// ICMP (or ICMPv6) code.
    pub code: u8,
}

/// Conntrack's two tuples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Conntrack {
    /// ORIGINAL: before translation.
    pub original: (SocketAddr, SocketAddr),
    /// REPLY: the answer to the packet after translation.
    pub reply: (SocketAddr, SocketAddr),
}

/// How a hop is known to follow the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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
