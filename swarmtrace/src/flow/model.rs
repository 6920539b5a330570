//! A flow as the correlator emits it: packets and where each was seen,
//! still by number.
//!
//! Nothing here is inferred beyond "these sightings are one packet" and "these
//! packets are one flow". Names, edges and states are the timeline's.

use super::leg::Leg;
use super::phase::Phase;
use crate::sys::clock::Mono;
use crate::sys::device::DeviceRef;
use crate::sys::protocol::Protocol;
use swarmtrace_common::{Direction, Tuple};

/// One TCP connection or UDP exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Counts up over the correlator's life; the same in every revision.
    pub number: u64,
    /// See [`Timeline::revision`](crate::timeline::Timeline::revision).
    pub revision: u32,
    /// Transport protocol.
    pub protocol: Protocol,
    /// TCP: the client's initial sequence number, where it was seen or answered.
    pub isn: Option<u32>,
    /// TCP: the server's initial sequence number, of its latest SYN-ACK.
    pub server_isn: Option<u32>,
    /// The SYN (UDP: a datagram of the client's) was seen.
    pub start_seen: bool,
    /// The client sent a FIN.
    pub client_closed: bool,
    /// The server sent a FIN.
    pub server_closed: bool,
    /// Sightings that were not kept.
    pub omitted: u64,
    /// Events of all flows that were lost while this one lived.
    pub events_lost: u64,
    /// Packets, by the time each was first seen.
    pub packets: Vec<FlowPacket>,
    /// Packets that the kernel reported as dropped, the first 16 by time.
    pub drops: Vec<FlowDrop>,
    /// Resets that the kernel reported as sent, the first 16 by time.
    pub resets: Vec<FlowReset>,
}

/// A packet that the kernel dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowDrop {
    /// When.
    pub time: Mono,
    /// The `sk_buff`'s address: a hint of identity, never proof.
    pub skb: u64,
    /// Address of the code that dropped it.
    pub location: u64,
    /// Inode of the namespace; 0 if it is unknown.
    pub netns: u32,
    /// Index of the device that it was on; 0 where it was on none.
    pub ifindex: u32,
    /// The kernel's number for the reason, or [`swarmtrace_common::NO_REASON`].
    pub reason: u32,
    /// The packet's own addresses (inside VXLAN, the inner packet's; without
    /// ports for an ICMP error about the flow).
    pub tuple: Tuple,
}

/// A reset that the kernel sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowReset {
    /// When.
    pub time: Mono,
    /// Inode of the namespace that sent it; 0 if it is unknown.
    pub netns: u32,
    /// The kernel's number for the reason, or [`swarmtrace_common::NO_REASON`].
    pub reason: u32,
    /// The reset's own addresses.
    pub tuple: Tuple,
}

/// One transmission of one packet.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowPacket {
    /// What kind of packet.
    pub phase: Phase,
    /// Which way along the path.
    pub leg: Leg,
    /// 1 for its first transmission, 2 for the next, …
    pub attempt: u32,
    /// TCP sequence number (UDP: payload tag).
    pub seq: u32,
    /// TCP acknowledgment number.
    pub ack: u32,
    /// TCP timestamp value, 0 where there is none.
    pub tsval: u32,
    /// Payload bytes.
    pub payload_length: u32,
    /// IP identification.
    pub ip_id: u16,
    /// Where it was seen, by time.
    pub sightings: Vec<Sighting>,
}

/// A packet at a tap.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// When.
    pub time: Mono,
    /// The device.
    pub at: DeviceRef,
    /// Which way it crossed the device.
    pub way: Direction,
    /// The packet's addresses (ICMP error: the quoted packet's).
    pub tuple: Tuple,
    /// `skb->mark`
    pub mark: u32,
    /// The frame was for another MAC than the device's own (`PACKET_OTHERHOST`).
    pub other_host: bool,
    /// VXLAN network identifier and outer addresses.
    pub vxlan: Option<(u32, Tuple)>,
    /// The ICMP error's own addresses, its type and code as ports.
    pub icmp: Option<Tuple>,
    /// Conntrack's ORIGINAL and REPLY tuples.
    pub conntrack: Option<(Tuple, Tuple)>,
}

impl Flow {
    /// When its first packet was seen; `None` of a flow without packets.
    pub fn first_time(&self) -> Option<Mono> {
        let sightings = self.packets.iter().flat_map(|p| &p.sightings);
        sightings.map(|s| s.time).min()
    }

    /// Whether nothing but frames for other machines was seen of it: a switch
    /// floods them while it has not learnt a MAC.
    pub fn is_for_others(&self) -> bool {
        let mut all = self.packets.iter().flat_map(|p| &p.sightings);
        all.all(|s| s.other_host && s.way == Direction::Ingress)
    }
}
