//! Whether a packet meets a rule's conditions.

use super::ruleset::{AddressType, Asks, ConnectionState, Match};
use crate::firewall::course::Course;
use crate::firewall::packet::{Connection, Packet};
use crate::sys::protocol::IpProtocol;
use swarmtrace_common::TcpFlags;

/// Whether all conditions hold; none: perhaps.
pub(super) fn apply(matches: &[Match], course: &Course) -> Option<bool> {
    let mut all = Some(true);
    for one in matches {
        match holds(&one.asks, course).map(|held| held != one.negated) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = None,
        }
    }
    all
}

fn holds(condition: &Asks, course: &Course) -> Option<bool> {
    let packet = &course.packet;
    let within = |ports: &[(u16, u16)], port: Option<u16>| {
        let port = port?;
        Some(ports.iter().any(|(from, to)| (*from..=*to).contains(&port)))
    };
    let named = |pattern: &str, device: &Option<String>| {
        let device = device.as_deref().unwrap_or_default();
        match pattern.strip_suffix('+') {
            Some(start) => device.starts_with(start),
            None => device == pattern,
        }
    };
    let of_type = |wanted: AddressType, is_local: bool| match wanted {
        AddressType::Local => Some(is_local),
        // A local address has none of the other types; which of them another address
        // has is not known.
        AddressType::Other if is_local => Some(false),
        AddressType::Other => None,
    };
    match condition {
        Asks::Source(net) if net.prefix_len() == 0 => Some(true),
        Asks::Destination(net) if net.prefix_len() == 0 => Some(true),
        Asks::Source(net) => Some(net.contains(&packet.source?)),
        Asks::Destination(net) => Some(net.contains(&packet.destination?)),
        Asks::Input(name) => Some(named(name, &packet.input)),
        Asks::Output(name) => Some(named(name, &packet.output)),
        Asks::Protocol(protocol) => Some(*protocol == packet.protocol),
        Asks::SourcePorts(ports) => within(ports, packet.source_port),
        Asks::DestinationPorts(ports) => within(ports, packet.destination_port),
        Asks::States(states) => {
            let rewritten = states.contains(&ConnectionState::Rewritten);
            match packet.connection {
                Connection::Unknown => None,
                is if states.contains(&ConnectionState::Is(is)) => Some(true),
                _ => (!rewritten).then_some(false),
            }
        }
        Asks::SourceType(wanted) => of_type(*wanted, packet.source_local),
        Asks::DestinationType(wanted) => of_type(*wanted, packet.destination_local),
        Asks::Mark(value, mask) => Some(course.mark()? & mask == *value),
        Asks::Ipvs => Some(packet.ipvs),
        Asks::TcpFlags(mask, value) => tcp_flags(*mask, *value, packet),
        Asks::Icmp(kind, code) => {
            if ![IpProtocol::ICMP, IpProtocol::ICMPV6].contains(&packet.protocol) {
                return Some(false);
            }
            let is = packet.icmp?;
            Some(is.0 == *kind && code.is_none_or(|code| code == is.1))
        }
        Asks::Length(from, to) => Some((*from..=*to).contains(&packet.length?)),
        Asks::Vni(vni) => Some(packet.vni? == *vni),
        Asks::Ipsec(ipsec) => Some(packet.ipsec? == *ipsec),
        Asks::Unknown(_) => None,
    }
}

fn tcp_flags(mask: TcpFlags, value: TcpFlags, packet: &Packet) -> Option<bool> {
    if !packet.is_tcp() {
        return Some(false);
    }
    match packet.flags() {
        Some(flags) => Some(flags & mask == value),
        // Whatever else such a packet has, it opens no connection.
        None if packet.connection == Connection::Established && value == TcpFlags::SYN => {
            Some(false)
        }
        None => None,
    }
}
