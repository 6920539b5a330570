//! Which packets the kernel side reports: what user space writes into its maps.
//!
//! A packet is looked at in this order, cheapest first: EtherType and protocol,
//! then [`Settings::match_any`] or the port set (one bit a port, both of the
//! packet's ports), then an [`Endpoint`] that equals its destination or source
//! (exactly, or with port 0 for any port), and last the [`Mode`].

/// How much of a matching flow is reported.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// SYN, SYN-ACK, RST, FIN, the first data segment each way; a UDP datagram
    /// that follows a second without one; every ICMP error.
    Transitions = 0,
    /// Every packet.
    AllPackets = 1,
}

/// Settings that may change while the programs run; the single entry of the
/// `SETTINGS` array map.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// UDP port that carries VXLAN (Docker's data-path port, 4789 by default).
    pub vxlan_port: u16,
    /// [`Mode`].
    pub mode: u8,
    /// 1: every packet matches, the port set and endpoints are not consulted.
    pub match_any: u8,
    /// Report only flows whose tuple-independent hash falls into 1 of N; 0 or 1: all.
    pub sample: u32,
    /// This process: events are reported only while it is the one that loaded.
    pub reserved: [u32; 2],
}

/// An address and port that belongs to a traced service. Key of the `ENDPOINTS`
/// hash map.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// IPv4 mapped into IPv6.
    pub address: [u8; 16],
    /// 0: any port.
    pub port: u16,
    /// IP protocol number; 0 with port 0: any protocol.
    pub protocol: u8,
    /// Always 0.
    pub padding: u8,
}

/// Key of the `FLOWS` map: one direction of a flow as it looks at a tap.
pub type FlowKey = crate::Tuple;

/// What the kernel side remembers of one direction of a flow.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowState {
    /// UDP: `bpf_ktime_get_ns` of the last datagram.
    pub last: u64,
    /// TCP: the initial sequence number of this direction.
    pub isn: u32,
    /// Always 0.
    pub padding: u32,
}
