//! Values of nft's expressions, and the names that nft has for them.

use crate::firewall::packet::{Connection, flag_named};
use crate::sys::protocol::IpProtocol;
use serde_json::Value as Json;
use std::net::IpAddr;
use swarmtrace_common::TcpFlags;

/// What an expression says of a packet.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Got {
    /// A number: every address, port and flag is one.
    Number(u128),
    /// A device's name; empty if the packet has no such device.
    Device(String),
    /// The type of an address that is not local, and otherwise not known.
    NotLocal,
    /// The packet has no such field, so that no rule that asks for it applies.
    Absent,
    /// Not known.
    Unknown,
}

/// What sort of value it is: which names literals have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Address,
    Protocol,
    EtherType,
    Nfproto,
    State,
    Direction,
    TcpFlags,
    IcmpType,
    Icmp6Type,
    Device,
    AddressType,
}

/// A value with its kind.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub got: Got,
    pub kind: Kind,
}

impl Asked {
    pub fn new(kind: Kind, number: Option<impl Into<u128>>) -> Self {
        let got = number.map_or(Got::Unknown, |number| Got::Number(number.into()));
        Self { got, kind }
    }

    pub fn of(kind: Kind, got: Got) -> Self {
        Self { got, kind }
    }

    pub fn unknown() -> Self {
        Self::of(Kind::Number, Got::Unknown)
    }
}

/// `RTN_LOCAL` of linux/rtnetlink.h.
pub(super) const LOCAL: u128 = 2;

pub(super) fn address(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Bits of `ct state`.
///
/// Relied on: `NF_CT_STATE_BIT` (`linux/netfilter/nf_conntrack_common.h`).
pub(super) fn state(connection: Connection) -> Option<u128> {
    Some(match connection {
        Connection::Invalid => 1,
        Connection::Established => 2,
        Connection::Related => 4,
        Connection::New => 8,
        Connection::Untracked => 64,
        Connection::Unknown => return None,
    })
}

/// A literal as a number; none if its name is not known.
pub(super) fn literal(json: &Json, kind: Kind) -> Option<u128> {
    match json {
        Json::Number(number) => number.as_u64().map(u128::from),
        Json::Bool(is) => Some((*is).into()),
        Json::String(name) => named(name, kind),
        // Flags.
        Json::Array(all) => {
            let mut bits = 0;
            for one in all {
                bits |= literal(one, kind)?;
            }
            Some(bits)
        }
        Json::Object(object) => match object.get("|")? {
            all @ Json::Array(_) => literal(all, kind),
            _ => None,
        },
        Json::Null => None,
    }
}

fn named(name: &str, kind: Kind) -> Option<u128> {
    if let Ok(number) = name.parse::<u64>() {
        return Some(number.into());
    }
    Some(match kind {
        Kind::Address => address(name.parse().ok()?),
        Kind::Protocol => match name {
            "ipv6-icmp" | "icmpv6" => IpProtocol::ICMPV6.number().into(),
            name => name.parse::<IpProtocol>().ok()?.number().into(),
        },
        Kind::EtherType => match name {
            "ip" => 0x0800,
            "arp" => 0x0806,
            "vlan" | "8021q" => 0x8100,
            "ip6" => 0x86dd,
            _ => return None,
        },
        Kind::Nfproto => match name {
            "ipv4" => 2,
            "ipv6" => 10,
            _ => return None,
        },
        Kind::State => state(match name {
            "invalid" => Connection::Invalid,
            "established" => Connection::Established,
            "related" => Connection::Related,
            "new" => Connection::New,
            "untracked" => Connection::Untracked,
            _ => return None,
        })?,
        Kind::Direction => match name {
            "original" => 0,
            "reply" => 1,
            _ => return None,
        },
        Kind::TcpFlags => match name {
            "ecn" => TcpFlags::ECE.bits().into(),
            name => flag_named(name)?.bits().into(),
        },
        Kind::IcmpType => match name {
            "echo-reply" => 0,
            "destination-unreachable" => 3,
            "source-quench" => 4,
            "redirect" => 5,
            "echo-request" => 8,
            "router-advertisement" => 9,
            "router-solicitation" => 10,
            "time-exceeded" => 11,
            "parameter-problem" => 12,
            "timestamp-request" => 13,
            "timestamp-reply" => 14,
            _ => return None,
        },
        Kind::Icmp6Type => match name {
            "destination-unreachable" => 1,
            "packet-too-big" => 2,
            "time-exceeded" => 3,
            "parameter-problem" => 4,
            "echo-request" => 128,
            "echo-reply" => 129,
            "mld-listener-query" => 130,
            "mld-listener-report" => 131,
            "mld-listener-done" | "mld-listener-reduction" => 132,
            "nd-router-solicit" => 133,
            "nd-router-advert" => 134,
            "nd-neighbor-solicit" => 135,
            "nd-neighbor-advert" => 136,
            "nd-redirect" => 137,
            "mld2-listener-report" => 143,
            _ => return None,
        },
        Kind::AddressType => match name {
            "unicast" => 1,
            "local" => LOCAL,
            "broadcast" => 3,
            "anycast" => 4,
            "multicast" => 5,
            "blackhole" => 6,
            "unreachable" => 7,
            "prohibit" => 8,
            _ => return None,
        },
        Kind::Number | Kind::Device => return None,
    })
}
