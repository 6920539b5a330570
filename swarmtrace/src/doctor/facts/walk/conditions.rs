//! Whether a packet meets a rule's conditions.

use super::packet::Packet;
use crate::doctor::facts::iptables::{AddressType, Asks, ConnectionState, Match};
use crate::sys::protocol::Protocol;

/// Whether all conditions hold; none: perhaps.
pub(super) fn apply(matches: &[Match], packet: &Packet) -> Option<bool> {
    let mut all = Some(true);
    for one in matches {
        match holds(&one.asks, packet).map(|held| held != one.negated) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = None,
        }
    }
    all
}

fn holds(condition: &Asks, packet: &Packet) -> Option<bool> {
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
            if states.contains(&ConnectionState::Rewritten) {
                return None;
            }
            Some(states.contains(match packet.established {
                true => &ConnectionState::Established,
                false => &ConnectionState::New,
            }))
        }
        Asks::SourceType(wanted) => of_type(*wanted, packet.source_local),
        Asks::DestinationType(wanted) => of_type(*wanted, packet.destination_local),
        Asks::Mark(value, mask) => Some(packet.mark & mask == *value),
        Asks::Ipvs => Some(packet.ipvs),
        Asks::Syn => Some(packet.protocol == Protocol::Tcp.into() && !packet.established),
        Asks::Unknown(_) => None,
    }
}
