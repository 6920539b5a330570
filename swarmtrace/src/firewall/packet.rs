//! A packet, as far as it is known.

use crate::sys::protocol::{IpProtocol, Protocol};
use std::net::IpAddr;
use swarmtrace_common::TcpFlags;

/// A packet as far as it is known. None means any value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Packet {
    /// Input device; none if this namespace sends the packet.
    pub input: Option<String>,
    /// Output device; none if the packet is for this namespace.
    pub output: Option<String>,
    /// Source address.
    pub source: Option<IpAddr>,
    /// Destination address.
    pub destination: Option<IpAddr>,
    /// What it carries.
    pub protocol: IpProtocol,
    /// Source port.
    pub source_port: Option<u16>,
    /// Destination port.
    pub destination_port: Option<u16>,
    /// Type and code of a control message (ICMP, `ICMPv6`).
    pub icmp: Option<(u8, u8)>,
    /// Flags of a TCP segment; where they are none, the first packet of a connection
    /// is a SYN.
    pub tcp_flags: Option<TcpFlags>,
    /// What conntrack says of its connection.
    pub connection: Connection,
    /// Whether the source is an address of this namespace.
    pub source_local: bool,
    /// Whether the destination is an address of this namespace.
    pub destination_local: bool,
    /// Whether IPVS has forwarded it.
    pub ipvs: bool,
    /// Its firewall mark.
    pub mark: u32,
    /// Length of the IP packet in bytes.
    pub length: Option<u16>,
    /// VNI of the VXLAN packet that it is.
    pub vni: Option<u32>,
    /// Whether it came through IPsec.
    pub ipsec: Option<bool>,
}

/// What conntrack says of a packet's connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// The first packet of a connection.
    #[default]
    New,
    /// A packet of a known connection.
    Established,
    /// The first packet of a connection that a known one announced, or an ICMP error.
    Related,
    /// A rule exempts it from conntrack.
    Untracked,
    /// It fits no connection.
    Invalid,
    /// Not known.
    Unknown,
}

impl Packet {
    /// Whether it is an IPv6 packet. One whose addresses are not known is IPv4, unless
    /// it carries `ICMPv6`.
    pub fn is_v6(&self) -> bool {
        match self.destination.or(self.source) {
            Some(address) => address.is_ipv6(),
            None => self.protocol == IpProtocol::ICMPV6,
        }
    }

    /// Whether it is a TCP segment.
    pub fn is_tcp(&self) -> bool {
        self.protocol == Protocol::Tcp.into()
    }

    /// Its TCP flags, where they are known or follow from the connection's state.
    pub(super) fn flags(&self) -> Option<TcpFlags> {
        match self.connection {
            Connection::New => Some(self.tcp_flags.unwrap_or(TcpFlags::SYN)),
            _ => self.tcp_flags,
        }
    }
}

/// A TCP flag by its name in either case: `syn`.
pub(super) fn flag_named(name: &str) -> Option<TcpFlags> {
    TcpFlags::from_name(&name.to_ascii_uppercase())
}
