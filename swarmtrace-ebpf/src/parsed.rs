//! What the headers of a packet say.

use swarmtrace_common::{PacketFlags, TcpFlags, Tuple};

/// What the headers of a packet say.
#[repr(C, align(8))]
pub struct Parsed {
    pub tuple: Tuple,
    pub outer: Tuple,
    pub seq: u32,
    pub ack: u32,
    pub vni: u32,
    pub payload_length: u32,
    pub payload_tag: u32,
    /// Where the TCP options begin, in bytes from the frame's start.
    pub options: u32,
    pub options_length: u32,
    pub ip_id: u16,
    pub vlan: u16,
    pub flags: PacketFlags,
    pub tcp_flags: TcpFlags,
    pub ttl: u8,
    pub padding: u32,
}

const _: () = assert!(size_of::<Parsed>() == 120);
