//! Options that are conditions.

use super::ruleset::{AddressType, Asks, ConnectionState};
use super::words::masked;
use crate::firewall::packet::{Connection, flag_named};
use ipnet::IpNet;
use std::net::IpAddr;
use swarmtrace_common::TcpFlags;

/// The VNI in Docker's match of a VXLAN packet, with the byte after it.
///
/// Relied on: libnetwork, `drivers/overlay/encryption_u32.go`.
const VNI: &str = "0x0>>0x16&0x3c@0xc&0xffffff00=0x";

/// What an option asks; none if it is not known.
pub(super) fn condition(option: &str, values: &[&str]) -> Option<Asks> {
    let value = values.first().copied().unwrap_or_default();
    Some(match option {
        "-s" => Asks::Source(net(value)?),
        "-d" => Asks::Destination(net(value)?),
        "-i" => Asks::Input(value.to_owned()),
        "-o" => Asks::Output(value.to_owned()),
        // iptables-save writes no -p for "all".
        "-p" => Asks::Protocol(value.parse().ok()?),
        "--sport" | "--sports" => Asks::SourcePorts(ports(value)?),
        "--dport" | "--dports" => Asks::DestinationPorts(ports(value)?),
        "--ctstate" | "--state" => Asks::States(states(value)?),
        "--src-type" => Asks::SourceType(address_type(value)),
        "--dst-type" => Asks::DestinationType(address_type(value)),
        "--mark" => {
            let (value, mask) = masked(value)?;
            Asks::Mark(value, mask)
        }
        "--ipvs" => Asks::Ipvs,
        "--syn" => Asks::TcpFlags(
            TcpFlags::SYN | TcpFlags::ACK | TcpFlags::RST | TcpFlags::FIN,
            TcpFlags::SYN,
        ),
        "--tcp-flags" => Asks::TcpFlags(flags(value)?, flags(values.get(1)?)?),
        "--icmp-type" | "--icmpv6-type" => {
            let (kind, code) = match value.split_once('/') {
                Some((kind, code)) => (kind, Some(code.parse().ok()?)),
                None => (value, None),
            };
            Asks::Icmp(kind.parse().ok()?, code)
        }
        "--length" => {
            let (from, to) = value.split_once(':').unwrap_or((value, value));
            Asks::Length(from.parse().ok()?, to.parse().ok()?)
        }
        "--u32" => Asks::Vni(vni(value)?),
        _ => return None,
    })
}

/// `FIN,SYN`, `ALL`, `NONE`
fn flags(names: &str) -> Option<TcpFlags> {
    match names {
        "NONE" => Some(TcpFlags::empty()),
        "ALL" => Some(TcpFlags::from_bits_truncate(0x3f)),
        names => names.split(',').map(flag_named).collect(),
    }
}

fn vni(tests: &str) -> Option<u32> {
    let value = u32::from_str_radix(tests.strip_prefix(VNI)?, 16).ok()?;
    Some(value >> 8)
}

/// `NEW,ESTABLISHED`
fn states(text: &str) -> Option<Vec<ConnectionState>> {
    (text.split(','))
        .map(|state| {
            Some(match state {
                "NEW" => ConnectionState::Is(Connection::New),
                "ESTABLISHED" => ConnectionState::Is(Connection::Established),
                "RELATED" => ConnectionState::Is(Connection::Related),
                "INVALID" => ConnectionState::Is(Connection::Invalid),
                "UNTRACKED" => ConnectionState::Is(Connection::Untracked),
                "DNAT" | "SNAT" => ConnectionState::Rewritten,
                _ => return None,
            })
        })
        .collect()
}

fn address_type(text: &str) -> AddressType {
    match text {
        "LOCAL" => AddressType::Local,
        _ => AddressType::Other,
    }
}

fn net(text: &str) -> Option<IpNet> {
    text.parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .ok()
}

fn ports(text: &str) -> Option<Vec<(u16, u16)>> {
    (text.split(','))
        .map(|range| {
            let (from, to) = range.split_once(':').unwrap_or((range, range));
            Some((from.parse().ok()?, to.parse().ok()?))
        })
        .collect()
}
