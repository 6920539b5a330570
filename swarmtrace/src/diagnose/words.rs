//! How hops, packets and drops are named in evidence.
//!
//! Evidence names a hop as the path is printed: namespace, device, direction,
//! with the node before it where several took part.

use super::case::{Case, PacketDrop};
use super::path::Expected;
use crate::timeline::{Hop, Phase, Place};
use crate::topology::Role;

/// A hop as the path is printed, without its node: `ingress_sbox eth1 in`;
/// the node's own devices go by their name alone.
pub fn place(hop: &Hop) -> String {
    match hop.place {
        Place::Host => format!("{} {}", hop.device, hop.way.name()),
        _ => format!("{} {} {}", hop.namespace, hop.device, hop.way.name()),
    }
}

/// A hop as the path is printed: `ingress_sbox eth1 in`, after its node's name
/// where several took part.
pub fn name(case: &Case<'_>, hop: &Hop) -> String {
    if case.timeline.nodes.len() > 1 {
        format!("{} {}", hop.node, place(hop))
    } else {
        place(hop)
    }
}

/// The same for a hop that was not seen.
pub fn expected(case: &Case<'_>, next: &Expected) -> String {
    let only = case.timeline.nodes.as_slice() == [next.node.as_str()];
    if only {
        place_of(next)
    } else {
        format!("{} {}", next.node, place_of(next))
    }
}

pub fn place_of(next: &Expected) -> String {
    use Role::{GatewayBridge, GatewayPort, Underlay};
    let devices: Vec<&str> = next.devices.iter().map(|d| d.device.as_str()).collect();
    let (devices, way) = (devices.join("/"), next.way.name());
    match next.devices.first() {
        Some(first) if !matches!(next.role, Underlay | GatewayBridge | GatewayPort) => {
            format!("{} {devices} {way}", first.namespace)
        }
        _ => format!("{devices} {way}"),
    }
}

/// Which packets these are, for people.
pub fn packet(hop: &Hop) -> &'static str {
    match hop.phase {
        Phase::Syn => "SYN",
        Phase::SynAck => "SYN-ACK",
        Phase::Ack => "ACK",
        Phase::Request => "request",
        Phase::Response => "response",
        Phase::Fin => "FIN",
        Phase::Rst => "RST",
        Phase::IcmpError => "ICMP error",
    }
}

/// The line that says where a hop was: `SYN 10.0.0.2:51544 → 10.0.0.6:8080 last seen at …`.
pub fn seen(case: &Case<'_>, hop: &Hop) -> String {
    let (source, destination) = (hop.source, hop.destination);
    format!(
        "{} {source} → {destination} at {}",
        packet(hop),
        name(case, hop)
    )
}

/// What a drop event says.
pub fn dropped(drop: &PacketDrop) -> String {
    format!("the kernel reports a drop: {}", drop.describe())
}

/// `1 event was`, `7 events were`
pub fn events(count: u64) -> String {
    match count {
        1 => "1 event was".to_owned(),
        _ => format!("{count} events were"),
    }
}
