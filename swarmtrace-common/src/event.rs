//! What the kernel side reports: one fixed-size record for each packet at a tap
//! (and those of `fate`, which begin with the same fields).

use crate::{PacketFlags, TcpFlags};

/// What an event is about.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A packet seen at a tap.
    Packet = 1,
    /// A packet that the kernel dropped.
    Drop = 2,
    /// A reset that the kernel sent.
    ResetSent = 3,
}

/// Which way a packet crossed a device.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "user",
    derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema),
    schemars(rename = "Way")
)]
pub enum Direction {
    /// tc ingress.
    #[cfg_attr(feature = "user", serde(rename = "in"))]
    Ingress = 0,
    /// tc egress.
    #[cfg_attr(feature = "user", serde(rename = "out"))]
    Egress = 1,
}

impl Direction {
    /// `in` or `out`, as output and JSON have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "in",
            Self::Egress => "out",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Ingress => Self::Egress,
            Self::Egress => Self::Ingress,
        }
    }
}

/// A number that is none of an enum's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownValue(pub u8);

impl TryFrom<u8> for EventKind {
    type Error = UnknownValue;

    fn try_from(value: u8) -> Result<Self, UnknownValue> {
        match value {
            1 => Ok(Self::Packet),
            2 => Ok(Self::Drop),
            3 => Ok(Self::ResetSent),
            _ => Err(UnknownValue(value)),
        }
    }
}

impl TryFrom<u8> for Direction {
    type Error = UnknownValue;

    fn try_from(value: u8) -> Result<Self, UnknownValue> {
        match value {
            0 => Ok(Self::Ingress),
            1 => Ok(Self::Egress),
            _ => Err(UnknownValue(value)),
        }
    }
}

/// Addresses and ports of one direction of a flow. 40 bytes, aligned so that the
/// kernel side copies it in five words.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tuple {
    /// Source address, IPv4 mapped into IPv6.
    pub src: [u8; 16],
    /// Destination address, IPv4 mapped into IPv6.
    pub dst: [u8; 16],
    /// Source port; 0 where the protocol has none.
    pub src_port: u16,
    /// Destination port; 0 where the protocol has none.
    pub dst_port: u16,
    /// IP protocol number (6 TCP, 17 UDP, 132 SCTP, 1 ICMP, 58 ICMPv6, 50 ESP).
    pub protocol: u8,
    /// Always 0.
    pub padding: [u8; 3],
}

/// One packet at one tap. 240 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketEvent {
    /// `bpf_ktime_get_ns`: `CLOCK_MONOTONIC`, nanoseconds.
    pub time: u64,
    /// The `sk_buff`'s address: a hint of identity, never proof (a retransmission
    /// may reuse it).
    pub skb: u64,
    /// Inode number of the network namespace the tap is in.
    pub netns: u32,
    /// Device index within that namespace.
    pub ifindex: u32,
    /// `skb->mark`.
    pub mark: u32,
    /// `skb->hash`, 0 where none was computed yet.
    pub hash: u32,
    /// Bytes of the whole frame as seen at the tap.
    pub length: u32,
    /// TCP sequence number.
    pub seq: u32,
    /// TCP acknowledgment number.
    pub ack: u32,
    /// TCP timestamp value.
    pub tsval: u32,
    /// TCP timestamp echo reply.
    pub tsecr: u32,
    /// VXLAN network identifier, see [`PacketFlags::VXLAN`].
    pub vni: u32,
    /// TCP, UDP or SCTP payload bytes by the IP header's length, never more than
    /// the frame holds (a quoted packet's: as its header says).
    pub payload_length: u32,
    /// A mix of the first 8 payload bytes of a UDP datagram, to tell datagrams
    /// apart; 0 without payload.
    pub payload_tag: u32,
    /// IP identification (the inner packet's); IPv6: the low half of a fragment's,
    /// else 0.
    pub ip_id: u16,
    /// `gso_size`: 0 where the packet is no super-packet.
    pub gso_size: u16,
    /// `gso_segs`.
    pub gso_segs: u16,
    /// VLAN identifier (of several tags the outermost), see [`PacketFlags::VLAN`].
    pub vlan: u16,
    /// What is set and known.
    pub flags: PacketFlags,
    /// [`EventKind`].
    pub kind: u8,
    /// [`Direction`].
    pub direction: u8,
    /// The segment's flags.
    pub tcp_flags: TcpFlags,
    /// Time to live or hop limit (the inner packet's).
    pub ttl: u8,
    /// Always 0.
    pub padding: [u8; 2],
    /// The packet's own addresses (the inner packet's for VXLAN, the quoted
    /// packet's for an ICMP error).
    pub tuple: Tuple,
    /// VXLAN: the outer UDP datagram. ICMP error: the ICMP packet itself.
    pub outer: Tuple,
    /// Conntrack's ORIGINAL tuple, see [`PacketFlags::CONNTRACK`].
    pub original: Tuple,
    /// Conntrack's REPLY tuple.
    pub reply: Tuple,
}

const _: () = assert!(size_of::<Tuple>() == 40);
const _: () = assert!(size_of::<PacketEvent>() == 240);

#[cfg(feature = "user")]
mod user {
    use super::{Direction, EventKind, PacketEvent, PacketFlags, Tuple, UnknownValue};
    use std::net::{IpAddr, Ipv6Addr, SocketAddr};

    impl Tuple {
        /// A tuple from addresses and ports.
        pub fn new(protocol: u8, src: SocketAddr, dst: SocketAddr) -> Self {
            Self {
                src: mapped(src.ip()),
                dst: mapped(dst.ip()),
                src_port: src.port(),
                dst_port: dst.port(),
                protocol,
                padding: [0; 3],
            }
        }

        /// Source address and port, IPv4 unmapped.
        pub fn source(&self) -> SocketAddr {
            SocketAddr::new(canonical(self.src), self.src_port)
        }

        /// Destination address and port, IPv4 unmapped.
        pub fn destination(&self) -> SocketAddr {
            SocketAddr::new(canonical(self.dst), self.dst_port)
        }

        /// The tuple of the opposite direction.
        #[must_use]
        pub fn reversed(&self) -> Self {
            Self {
                src: self.dst,
                dst: self.src,
                src_port: self.dst_port,
                dst_port: self.src_port,
                ..*self
            }
        }
    }

    impl PacketEvent {
        /// What the event is about.
        ///
        /// # Errors
        /// Errors if the kernel side is of another version.
        pub fn kind(&self) -> Result<EventKind, UnknownValue> {
            self.kind.try_into()
        }

        /// Which way the packet crossed the device.
        pub fn direction(&self) -> Direction {
            // Written by the kernel side as 0 or 1, and 0 where there is no tap.
            Direction::try_from(self.direction).unwrap_or(Direction::Ingress)
        }

        /// Whether all of these flags are set.
        pub fn has(&self, flags: PacketFlags) -> bool {
            self.flags.contains(flags)
        }

        /// Conntrack's ORIGINAL and REPLY tuples, where an entry was attached.
        pub fn conntrack(&self) -> Option<(&Tuple, &Tuple)> {
            self.has(PacketFlags::CONNTRACK)
                .then_some((&self.original, &self.reply))
        }
    }

    /// The 16 bytes that stand for `address` in an event.
    pub fn mapped(address: IpAddr) -> [u8; 16] {
        match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        }
    }

    fn canonical(bytes: [u8; 16]) -> IpAddr {
        Ipv6Addr::from(bytes).to_canonical()
    }
}

#[cfg(feature = "user")]
pub use user::mapped;
