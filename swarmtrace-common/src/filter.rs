//! Which packets the kernel side reports: what user space writes into its maps.
//!
//! A packet is looked at in this order, cheapest first: EtherType and protocol,
//! then [`Settings::match_any`] or the port set (one bit a port, both of the
//! packet's ports), then an [`Endpoint`] that equals its destination or source,
//! and last the [`Mode`]. The port set is consulted only while every endpoint
//! names a port, see [`Settings::endpoint_kinds`].

use crate::{EndpointKinds, UnknownValue};

/// How much of a matching flow is reported.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// SYN, SYN-ACK, RST, FIN, the first data segment each way; a UDP datagram
    /// (SCTP and ESP packet) that follows a second without one; every ICMP error.
    #[default]
    Transitions = 0,
    /// Every packet.
    AllPackets = 1,
    /// SYN, SYN-ACK, RST and ICMP errors, nothing else: what is needed to see
    /// connections refused, reset or left unanswered. Every other packet is
    /// turned away by its TCP flags or protocol, before any map is consulted.
    Handshakes = 2,
}

impl TryFrom<u8> for Mode {
    type Error = UnknownValue;

    fn try_from(value: u8) -> Result<Self, UnknownValue> {
        match value {
            0 => Ok(Self::Transitions),
            1 => Ok(Self::AllPackets),
            2 => Ok(Self::Handshakes),
            _ => Err(UnknownValue(value)),
        }
    }
}

/// Settings that may change while the programs run; the single entry of the
/// `SETTINGS` array map.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// UDP port that carries VXLAN (Docker's data-path port, 4789 by default).
    pub vxlan_port: u16,
    /// How much of a flow is reported.
    pub mode: Mode,
    /// 1: every packet matches, the port set and endpoints are not consulted.
    pub match_any: u8,
    /// Report only flows whose tuple-independent hash falls into 1 of N; 0 or 1:
    /// all. TCP: by the client's initial sequence number, so flows that began
    /// before tracing did are left out. UDP: a datagram each, by its payload.
    pub sample: u32,
    /// Which wildcards `ENDPOINTS` has; the loader keeps the two in step.
    pub endpoint_kinds: EndpointKinds,
    /// Always 0.
    pub reserved: u32,
}

/// An address and port of a traced service. Key of the `ENDPOINTS`
/// hash map; aligned so that the kernel side writes it in three words.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// IPv4 mapped into IPv6; all zero: any address (the port must then be set).
    pub address: [u8; 16],
    /// 0: any port, and packets that have none.
    pub port: u16,
    /// IP protocol number; 0 with port 0: any protocol.
    pub protocol: u8,
    /// Always 0.
    pub padding: [u8; 5],
}

impl Endpoint {
    /// Which kind of wildcard this is; none for an exact endpoint.
    pub const fn kind(&self) -> EndpointKinds {
        match (self.port, self.protocol) {
            (0, 0) => EndpointKinds::ANY_PROTOCOL,
            (0, _) => EndpointKinds::ANY_PORT,
            _ if u128::from_ne_bytes(self.address) == 0 => EndpointKinds::ANY_ADDRESS,
            _ => EndpointKinds::empty(),
        }
    }
}

/// A set of ports, one bit each: the single entry of the `PORTS` array map.
#[repr(C)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSet {
    words: [u64; 1024],
}

impl PortSet {
    /// No ports.
    pub const EMPTY: Self = Self { words: [0; 1024] };

    /// Adds a port.
    pub const fn insert(&mut self, port: u16) {
        self.words[(port >> 6) as usize] |= 1 << (port & 63);
    }

    /// Whether a port is in the set.
    #[expect(
        clippy::inline_always,
        reason = "a call costs the kernel side instructions"
    )]
    #[inline(always)]
    pub const fn contains(&self, port: u16) -> bool {
        self.words[(port >> 6) as usize] >> (port & 63) & 1 != 0
    }
}

const _: () = assert!(size_of::<Settings>() == 16);
const _: () = assert!(size_of::<Endpoint>() == 24);

#[cfg(feature = "user")]
mod user {
    use super::{Endpoint, PortSet, Settings};
    use core::net::IpAddr;

    impl Endpoint {
        /// An endpoint; port 0 stands for any port, with protocol 0 for any
        /// protocol as well.
        pub fn new(address: IpAddr, port: u16, protocol: u8) -> Self {
            let address = if address.is_unspecified() {
                [0; 16]
            } else {
                crate::mapped(address)
            };
            Self {
                address,
                port,
                protocol,
                padding: [0; 5],
            }
        }
    }

    impl FromIterator<u16> for PortSet {
        fn from_iter<I: IntoIterator<Item = u16>>(ports: I) -> Self {
            let mut set = Self::EMPTY;
            for port in ports {
                set.insert(port);
            }
            set
        }
    }

    impl Copy for PortSet {}

    // SAFETY: it is `repr(C)` without implicit padding. Not every byte is a `Mode`, but
    // user space writes the map and never reads it.
    unsafe impl aya::Pod for Settings {}
    // SAFETY: each is `repr(C)`, made of integers alone, without implicit padding.
    unsafe impl aya::Pod for Endpoint {}
    // SAFETY: as above.
    unsafe impl aya::Pod for PortSet {}
}
