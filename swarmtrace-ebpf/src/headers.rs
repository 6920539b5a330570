//! Where header fields are, in bytes from each header's start: one table for the
//! prefilter, which reads in place, the parser, which copies headers out, and the
//! check of dropped packets.

/// EtherTypes.
pub mod ether_type {
    pub const IPV4: u16 = 0x0800;
    pub const IPV6: u16 = 0x86dd;
    pub const VLAN: u16 = 0x8100;
    pub const QINQ: u16 = 0x88a8;
}

/// IP protocol numbers.
pub mod protocol {
    pub const ICMP: u8 = 1;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const ESP: u8 = 50;
    pub const ICMP6: u8 = 58;
    pub const SCTP: u8 = 132;
}

/// Ethernet without VLAN tags.
pub mod ethernet {
    pub const TYPE: usize = 12;
    pub const LENGTH: usize = 14;
}

/// IPv4 (RFC 791).
pub mod ipv4 {
    use core::mem::offset_of;
    use network_types::ip::Ipv4Hdr;

    pub const TOTAL_LENGTH: usize = offset_of!(Ipv4Hdr, tot_len);
    pub const FRAGMENT: usize = offset_of!(Ipv4Hdr, frags);
    pub const PROTOCOL: usize = offset_of!(Ipv4Hdr, proto);
    /// Without options.
    pub const LENGTH: usize = size_of::<Ipv4Hdr>();

    /// First byte of a header without options: version 4, five words.
    pub const PLAIN: u8 = 0x45;
    /// Where in its packet a fragment begins.
    pub const FRAGMENT_OFFSET: u16 = 0x1fff;
    /// The same, or more fragments follow.
    pub const FRAGMENTED: u16 = 0x3fff;

    const _: () = assert!(LENGTH == 20);
}

/// IPv6 (RFC 8200).
pub mod ipv6 {
    use core::mem::offset_of;
    use network_types::ip::Ipv6Hdr;

    pub const PAYLOAD_LENGTH: usize = offset_of!(Ipv6Hdr, payload_len);
    pub const NEXT_HEADER: usize = offset_of!(Ipv6Hdr, next_hdr);
    /// Without extension headers.
    pub const LENGTH: usize = size_of::<Ipv6Hdr>();

    const _: () = assert!(LENGTH == 40);
}

/// TCP, UDP and SCTP begin with their ports.
pub mod ports {
    pub const SOURCE: usize = 0;
    pub const DESTINATION: usize = 2;
    pub const LENGTH: usize = 4;
}

/// TCP (RFC 9293).
pub mod tcp {
    pub const SEQUENCE: usize = 4;
    pub const ACKNOWLEDGMENT: usize = 8;
    /// The header's length in words, in the upper four bits.
    pub const DATA_OFFSET: usize = 12;
    pub const FLAGS: usize = 13;
    /// Without options.
    pub const LENGTH: usize = 20;
}

/// UDP (RFC 768).
pub mod udp {
    pub const LENGTH: usize = 8;
}

/// SCTP's common header (RFC 9260).
pub mod sctp {
    pub const LENGTH: usize = 12;
}

/// ICMP and ICMPv6 errors; what they quote follows.
pub mod icmp {
    pub const LENGTH: usize = 8;
}

/// VXLAN (RFC 7348, section 5).
pub mod vxlan {
    pub const LENGTH: usize = 8;
    /// In the first two bytes: the network identifier is valid.
    pub const HAS_VNI: u16 = 0x0800;
}

/// How far to shift a big-endian word of 32 bits for the byte at an offset to be its
/// lowest.
pub const fn shift_of(offset: usize) -> u32 {
    8 * (3 - offset as u32 % 4)
}
