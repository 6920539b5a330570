//! Sets of flags, as wide as their field in the bytes that cross.

use bitflags::bitflags;

bitflags! {
    /// What a packet is and which fields of its event are set.
    #[repr(transparent)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct PacketFlags: u16 {
        /// The packet was found inside a VXLAN datagram: `outer` and `vni` are set
        /// (with [`ICMP_ERROR`](Self::ICMP_ERROR) as well, `outer` is the inner ICMP packet).
        const VXLAN = 1 << 0;
        /// A conntrack entry was attached: `original` and `reply` are set.
        const CONNTRACK = 1 << 1;
        /// TCP timestamps were present: `tsval` and `tsecr` are set.
        const TIMESTAMPS = 1 << 2;
        /// An ICMP error: `tuple` is the packet that it quotes, `outer` the ICMP
        /// packet's own addresses, `outer.src_port`/`dst_port` its type and code.
        const ICMP_ERROR = 1 << 3;
        /// An 802.1Q/802.1ad tag was present: `vlan` is set.
        const VLAN = 1 << 4;
        /// The packet is a fragment other than the first: no ports, no TCP fields.
        const FRAGMENT = 1 << 5;
        /// The first data segment of its direction (sequence number = ISN + 1).
        const FIRST_DATA = 1 << 6;
        /// IPv6 (else IPv4).
        const IPV6 = 1 << 7;
        /// Conntrack sees the packet as one of the REPLY direction.
        const CONNTRACK_REPLY = 1 << 8;
        /// An ESP packet: `seq` is its sequence number, `ack` its SPI.
        const ESP = 1 << 9;
        /// The packet that an ICMP error quotes is a VXLAN datagram, quoted far
        /// enough to see its inner packet: `tuple` is that inner packet, `vni` its
        /// network, `outer` the ICMP packet. Only together with [`ICMP_ERROR`](Self::ICMP_ERROR).
        const QUOTED_VXLAN = 1 << 10;
        /// The frame came in for another MAC than the device's own, as a bridge
        /// that has not learnt a MAC floods it (`PACKET_OTHERHOST`, ingress only).
        const OTHER_HOST = 1 << 11;
    }
}

bitflags! {
    /// TCP's control flags, as in the header's 14th byte.
    #[repr(transparent)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct TcpFlags: u8 {
        /// FIN
        const FIN = 0x01;
        /// SYN
        const SYN = 0x02;
        /// RST
        const RST = 0x04;
        /// PSH
        const PSH = 0x08;
        /// ACK
        const ACK = 0x10;
        /// URG
        const URG = 0x20;
        /// ECE
        const ECE = 0x40;
        /// CWR
        const CWR = 0x80;
        // Kept whole, whatever is set.
        const _ = !0;
    }
}

bitflags! {
    /// Which wildcards `ENDPOINTS` has. The kernel side looks for none that is not
    /// there.
    #[repr(transparent)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct EndpointKinds: u32 {
        /// Some endpoint is port 0 of one protocol.
        const ANY_PORT = 1 << 0;
        /// Some endpoint is port 0 of protocol 0.
        const ANY_PROTOCOL = 1 << 1;
        /// Some endpoint has the unspecified address.
        const ANY_ADDRESS = 1 << 2;
    }
}
