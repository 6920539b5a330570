//! A packet, and what rules may do to it.

use crate::sys::protocol::IpProtocol;
use std::net::Ipv4Addr;

/// A packet as far as it is known. None means any value.
#[derive(Clone, Debug, Default)]
pub struct Packet {
    /// Input device; none if this namespace sends the packet.
    pub input: Option<String>,
    /// Output device; none if the packet is for this namespace.
    pub output: Option<String>,
    /// Source address.
    pub source: Option<Ipv4Addr>,
    /// Destination address.
    pub destination: Option<Ipv4Addr>,
    /// What it carries.
    pub protocol: IpProtocol,
    /// Source port.
    pub source_port: Option<u16>,
    /// Destination port.
    pub destination_port: Option<u16>,
    /// Whether conntrack knows its connection; else it is the first packet.
    pub established: bool,
    /// Whether the source is an address of this namespace.
    pub source_local: bool,
    /// Whether the destination is an address of this namespace.
    pub destination_local: bool,
    /// Whether IPVS has forwarded it.
    pub ipvs: bool,
    /// Its firewall mark.
    pub mark: u32,
}

/// A possible ending.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// What happens to the packet.
    pub fate: Fate,
    /// The rule, or the chain's policy, that decides.
    pub by: String,
}

/// What happens to a packet in a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// It continues unchanged.
    Accept,
    /// Dropped or rejected.
    Drop,
    /// Its destination is rewritten.
    Dnat(Option<Ipv4Addr>, Option<u16>),
    /// Its destination becomes this namespace, at that port.
    Redirect(Option<u16>),
    /// Its source is rewritten.
    Snat(Option<Ipv4Addr>),
    /// Its source becomes the outgoing device's address.
    Masquerade,
    /// Not known.
    Unknown,
}

/// Every possible ending of a packet in a chain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Walk {
    /// Every possible ending; usually one.
    pub endings: Vec<Ending>,
    /// Its firewall mark afterwards.
    pub mark: u32,
    /// A rule that may change the mark.
    pub mark_doubt: Option<String>,
}

impl Walk {
    /// How it ends, if every possible ending is the same.
    pub fn certain(&self) -> Option<&Ending> {
        let first = self.endings.first()?;
        (self.endings.iter())
            .all(|e| e.fate == first.fate)
            .then_some(first)
    }

    /// An ending other than to continue that is possible but not certain: it depends on
    /// the packet, or is not known.
    pub fn doubt(&self) -> Option<&Ending> {
        if self.certain().is_some_and(|e| e.fate != Fate::Unknown) {
            return None;
        }
        self.endings.iter().find(|e| e.fate != Fate::Accept)
    }
}
