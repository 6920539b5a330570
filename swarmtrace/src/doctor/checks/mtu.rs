//! A frame of an overlay and its 50 bytes of VXLAN (more with encryption) must
//! fit the network below, and all parts of an overlay must agree.
//!
//! Docker takes 1450 (encrypted: 1424) for the overlay whatever the card has.

use super::finding;
use crate::doctor::swarm;
use crate::doctor::{Examined, Finding, Id, Place, Severity};
use crate::topology::{Device, DeviceKind, Namespace, Network, Topology};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Ethernet (14), IPv4 (20), UDP (8), VXLAN (8).
const OVER_IPV4: u32 = 50;
/// The same with IPv6 (40).
const OVER_IPV6: u32 = 70;
/// What Docker reckons for ESP.
const ESP: u32 = 26;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    for (namespace, device, network) in topology.overlays() {
        found.extend(below(examined, namespace, device, network));
        found.extend(within(topology, namespace, device, network));
    }
    found
}

/// Against the card that carries it.
fn below(
    examined: &Examined,
    namespace: &Namespace,
    device: &Device,
    network: &Network,
) -> Option<Finding> {
    let topology = &examined.topology;
    let host = topology.host()?;
    let carrier = |address: IpAddr| {
        let mut devices = host.devices.iter();
        devices.find(|d| d.addresses.iter().any(|a| a.addr() == address))
    };
    let source = examined.facts.routes.iter().find_map(|r| r.source);
    let card = source.and_then(carrier).or_else(|| topology.uplink())?;
    let header = match source {
        Some(IpAddr::V6(_)) => OVER_IPV6,
        _ => OVER_IPV4,
    };
    let need = device.mtu + header + if network.encrypted { ESP } else { 0 };
    (need > card.mtu).then(|| Finding {
        why: "Full-size packets between nodes are cut into fragments, which many networks drop: \
              handshakes succeed, then transfers hang."
            .to_owned(),
        issues: &["moby#24906", "libnetwork#2661"],
        confirm: format!(
            "ip link show {}; {}",
            card.name,
            swarm::command(namespace, &format!("ip link show {}", device.name))
        ),
        fix: format!(
            "Make the network anew with --opt com.docker.network.driver.mtu={}, or raise the MTU \
             of {} on all nodes.",
            card.mtu.saturating_sub(need - device.mtu),
            card.name
        ),
        ..finding(
            Id::OverlayExceedsCard,
            Severity::Risky,
            format!(
                "overlay {} (MTU {}) needs {need} bytes; {} has an MTU of {}",
                network.name, device.mtu, card.name, card.mtu
            ),
            Place::namespace("host")
                .device(&card.name)
                .network(&network.name),
        )
    })
}

/// Against the other parts of the overlay here: a part that is larger sends
/// what a smaller one drops.
fn within(
    topology: &Topology,
    namespace: &Namespace,
    device: &Device,
    network: &Network,
) -> Option<Finding> {
    let DeviceKind::Vxlan { vni, .. } = device.kind else {
        return None;
    };
    let mut by_mtu: BTreeMap<u32, Vec<(&Namespace, &Device)>> = BTreeMap::new();
    for other in &topology.namespaces {
        for part in &other.devices {
            // The bridge takes the least of its ports' by itself.
            if topology.vni(other.at(part)) == Some(vni) && part.kind != DeviceKind::Bridge {
                by_mtu.entry(part.mtu).or_default().push((other, part));
            }
        }
    }
    if by_mtu.len() < 2 {
        return None;
    }
    let (common, _) = by_mtu.iter().max_by_key(|(_, parts)| parts.len())?;
    let (rare, parts) = by_mtu.iter().min_by_key(|(_, parts)| parts.len())?;
    let (at, odd) = parts.first()?;
    let names: Vec<String> = (parts.iter())
        .map(|(at, part)| format!("{} in {}", part.name, at.name))
        .collect();
    Some(Finding {
        why: "Packets larger than the smallest part are dropped without a word: within an overlay \
              nobody answers \"too big\"."
            .to_owned(),
        issues: &["libnetwork#2661"],
        confirm: format!(
            "{}; {}",
            swarm::command(at, &format!("ip link show {}", odd.name)),
            swarm::command(namespace, &format!("ip link show {}", device.name))
        ),
        fix: (parts.iter())
            .map(|(at, part)| {
                let set = format!("ip link set {} mtu {common}", part.name);
                swarm::command(at, &set)
            })
            .collect::<Vec<_>>()
            .join("; "),
        ..finding(
            Id::OverlayMtuMixed,
            Severity::Risky,
            format!(
                "overlay {}: MTU {rare} of {} among {common}",
                network.name,
                names.join(", "),
            ),
            Place::namespace(&at.name)
                .device(&odd.name)
                .network(&network.name),
        )
    })
}
