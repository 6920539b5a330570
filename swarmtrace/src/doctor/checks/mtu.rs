//! MTUs: a frame of an overlay and its 50 bytes of VXLAN (more with encryption)
//! must fit the interface, and all devices of an overlay must have one MTU.
//!
//! Relied on: Docker gives an overlay 1450 (encrypted: 1424) whatever the
//! interface has.

use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm;
use crate::failure::{Location, MTU_BLACK_HOLE, OVERLAY_MTU_MIXED, ReadFrom};
use crate::topology::{Device, DeviceKind, Namespace, Network, Topology};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Ethernet (14), IPv4 (20), UDP (8), VXLAN (8).
const OVER_IPV4: u32 = 50;
/// The same with IPv6 (40).
const OVER_IPV6: u32 = 70;
/// What Docker allows for ESP.
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

/// Compares an overlay with the interface that carries it.
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
    (need > card.mtu).then(|| {
        Finding::proven(
            &MTU_BLACK_HOLE,
            Severity::Risky,
            ReadFrom::Devices,
            format!(
                "overlay {} (MTU {}) needs {need} bytes; {} has an MTU of {}",
                network.name, device.mtu, card.name, card.mtu
            ),
            Location::namespace("host")
                .device(&card.name)
                .network(&network.name),
        )
        .why(
            "Full-size packets between nodes are cut into fragments, which many networks drop: \
              handshakes succeed, then transfers hang.",
        )
        .confirm(format!("ip link show {}", card.name))
        .confirm(swarm::command(namespace, &format!("ip link show {}", device.name)))
        .fix(format!(
            "Create the network again with --opt com.docker.network.driver.mtu={}, or raise the MTU \
             of {} on all nodes.",
            card.mtu.saturating_sub(need - device.mtu),
            card.name
        ))
    })
}

/// Compares the devices of an overlay: one with a larger MTU sends what one with a
/// smaller drops.
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
            // The bridge takes the smallest of its ports' MTUs by itself.
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
    Some(
        Finding::proven(
            &OVERLAY_MTU_MIXED,
            Severity::Risky,
            ReadFrom::Devices,
            format!(
                "overlay {}: MTU {rare} of {} among {common}",
                network.name,
                names.join(", "),
            ),
            Location::namespace(&at.name)
                .device(&odd.name)
                .network(&network.name),
        )
        .why(
            "Packets larger than the smallest part are dropped without an answer: within an overlay \
              nothing sends ICMP \"too big\".",
        )
        .confirm(swarm::command(at, &format!("ip link show {}", odd.name)))
        .confirm(swarm::command(namespace, &format!("ip link show {}", device.name)))
        .fix(
            (parts.iter())
                .map(|(at, part)| {
                    let set = format!("ip link set {} mtu {common}", part.name);
                    swarm::command(at, &set)
                })
                .collect::<Vec<_>>()
                .join("; "),
        ),
    )
}
