//! Copies of a packet that lead nowhere.
//!
//! A bridge that has not learnt a MAC sends a frame for it out of every port.
//! One copy is the packet; the others end at devices whose MAC it does not
//! bear, and are no part of the path. They are recognised by the kernel's own
//! word for them (`PACKET_OTHERHOST`), and left out only where another port of
//! the same bridge is seen to lead on: a frame that nobody took is shown
//! wherever it went.

use super::names::Names;
use super::{Flow, FlowPacket, Sighting, Way};
use crate::topology::{DeviceKind, DeviceRef};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The flow without copies, and how many there were.
pub(super) fn leave_out<'a>(flow: &'a Flow, names: Names<'_>) -> (Cow<'a, Flow>, u32) {
    let strays = |p: &FlowPacket| p.sightings.iter().any(|s| is_stray(names, s));
    if !flow.packets.iter().any(strays) {
        return (Cow::Borrowed(flow), 0);
    }
    let mut flow = flow.clone();
    let mut count = 0;
    for packet in &mut flow.packets {
        let copies = copies(names, &packet.sightings);
        count += copies.len();
        let mut index = 0;
        packet.sightings.retain(|_| {
            index += 1;
            !copies.contains(&(index - 1))
        });
    }
    (Cow::Owned(flow), u32::try_from(count).unwrap_or(u32::MAX))
}

/// Whether a frame came in at the end of a path and was for somebody else; at a
/// bridge's port that is so by nature.
fn is_stray(names: Names<'_>, sighting: &Sighting) -> bool {
    sighting.other_host && sighting.way == Way::In && bridge(names, at(sighting)).is_none()
}

fn copies(names: Names<'_>, sightings: &[Sighting]) -> BTreeSet<usize> {
    let mut copies = BTreeSet::new();
    for (index, stray) in sightings.iter().enumerate() {
        if !is_stray(names, stray) {
            continue;
        }
        let Some(flooded) = bridge_behind(names, at(stray)) else {
            continue;
        };
        let out = |s: &&Sighting| {
            s.way == Way::Out && s.tuple == stray.tuple && bridge(names, at(s)) == Some(flooded)
        };
        let leads_on = |s: &Sighting| leads_on(names, s, sightings);
        if !sightings.iter().filter(out).any(leads_on) {
            continue;
        }
        copies.insert(index);
        let dead = |(_, s): &(usize, &Sighting)| out(s) && !leads_on(s);
        copies.extend(sightings.iter().enumerate().filter(dead).map(|(i, _)| i));
    }
    copies
}

/// Whether what left a bridge's port was taken by whoever is behind it.
fn leads_on(names: Names<'_>, port: &Sighting, sightings: &[Sighting]) -> bool {
    let Some((_, device)) = names.0.device(at(port)) else {
        return false;
    };
    match device.kind {
        DeviceKind::Vxlan { vni, .. } => sightings.iter().any(|s| {
            s.time >= port.time && s.way == Way::Out && s.vxlan.is_some_and(|(v, _)| v == vni)
        }),
        DeviceKind::Veth { peer: Some(peer) } => sightings
            .iter()
            .any(|s| at(s) == peer && s.way == Way::In && !s.other_host && s.tuple == port.tuple),
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

fn at(sighting: &Sighting) -> DeviceRef {
    super::edges::device(sighting)
}
