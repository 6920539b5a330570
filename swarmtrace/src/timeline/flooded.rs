//! Frames that a bridge flooded to ports they were not for.
//!
//! A bridge that has not learnt a MAC sends a frame for it out of every port.
//! One copy is the packet; the others end in a VXLAN device that knows no node
//! for it, or at devices whose MAC it does not bear (`PACKET_OTHERHOST`), and
//! are no part of the path. They are left out only where another port of the
//! same bridge is seen to lead on: a frame that nobody took is shown wherever
//! it went.

use super::names::Names;
use crate::flow::{Flow, Sighting};
use crate::topology::{DeviceKind, DeviceRef};
use std::borrow::Cow;
use std::collections::BTreeSet;
use swarmtrace_common::{Direction, Tuple};

/// The flow without flooded frames, and how many there were.
pub(super) fn leave_out<'a>(flow: &'a Flow, names: Names<'_>) -> (Cow<'a, Flow>, u32) {
    let mut path = Cow::Borrowed(flow);
    let mut count = 0;
    for (index, packet) in flow.packets.iter().enumerate() {
        let flooded = flooded(names, &packet.sightings);
        if flooded.is_empty() {
            continue;
        }
        count += flooded.len();
        if let Some(packet) = path.to_mut().packets.get_mut(index) {
            let mut at = 0..;
            packet
                .sightings
                .retain(|_| at.next().is_none_or(|at| !flooded.contains(&at)));
        }
    }
    (path, u32::try_from(count).unwrap_or(u32::MAX))
}

/// A frame's way through a bridge: which bridge, the frame's addresses, and how
/// often it had come in there before (a load balancer that keeps the addresses
/// sends it through once more).
type Crossing = (DeviceRef, Tuple, usize);

fn flooded(names: Names<'_>, sightings: &[Sighting]) -> BTreeSet<usize> {
    let mut forwarded: Vec<(Crossing, usize, bool)> = Vec::new();
    let mut strays: Vec<(DeviceRef, Tuple, usize)> = Vec::new();
    let mut entered: Vec<(DeviceRef, Tuple)> = Vec::new();
    for (index, sighting) in sightings.iter().enumerate() {
        let tuple = sighting.tuple;
        match (bridge(names, sighting.at), sighting.way) {
            (Some(bridge), Direction::Ingress) => entered.push((bridge, tuple)),
            (Some(bridge), Direction::Egress) => {
                let before = entered.iter().filter(|e| **e == (bridge, tuple)).count();
                let leads_on = leads_on(names, sighting, sightings);
                forwarded.push(((bridge, tuple, before), index, leads_on));
            }
            (None, Direction::Ingress) if sighting.other_host => {
                if let Some(bridge) = bridge_behind(names, sighting.at) {
                    strays.push((bridge, tuple, index));
                }
            }
            (None, _) => {}
        }
    }
    let led = |crossing: &Crossing| {
        forwarded
            .iter()
            .any(|(c, _, leads)| *leads && c == crossing)
    };
    let dead = forwarded.iter().filter(|(c, _, leads)| !leads && led(c));
    let mut flooded: BTreeSet<usize> = dead.map(|(_, index, _)| *index).collect();
    let stray = strays.iter().filter(|(bridge, tuple, _)| {
        let same = |c: &Crossing| (c.0, c.1) == (*bridge, *tuple);
        forwarded.iter().any(|(c, _, leads)| *leads && same(c))
    });
    flooded.extend(stray.map(|(.., index)| *index));
    flooded
}

/// Whether what left a bridge's port was taken by whoever is behind it.
fn leads_on(names: Names<'_>, port: &Sighting, sightings: &[Sighting]) -> bool {
    let Some((_, device)) = names.0.device(port.at) else {
        return false;
    };
    match device.kind {
        DeviceKind::Vxlan { vni, .. } => sightings.iter().any(|s| {
            s.time >= port.time
                && s.way == Direction::Egress
                && s.vxlan.is_some_and(|(v, _)| v == vni)
        }),
        DeviceKind::Veth { peer: Some(peer) } => sightings.iter().any(|s| {
            s.at == peer && s.way == Direction::Ingress && !s.other_host && s.tuple == port.tuple
        }),
        _ => false,
    }
}

/// The bridge that a device is a port of.
fn bridge(names: Names<'_>, device: DeviceRef) -> Option<DeviceRef> {
    let (_, found) = names.0.device(device)?;
    found.master.map(|ifindex| DeviceRef {
        namespace: device.namespace,
        ifindex,
    })
}

/// The bridge whose frames come in at a device: the one that its veth peer is a
/// port of, or the device itself.
fn bridge_behind(names: Names<'_>, device: DeviceRef) -> Option<DeviceRef> {
    match names.0.device(device)?.1.kind {
        DeviceKind::Bridge => Some(device),
        DeviceKind::Veth { peer } => bridge(names, peer?),
        _ => None,
    }
}
