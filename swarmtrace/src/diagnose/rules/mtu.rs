//! Small packets pass, large ones do not.
//!
//! The handshake fits any MTU; the first data may not. The evidence is an open
//! connection whose first data is sent again and again and stops at a device.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::{in_overlay_of, on_node};
use crate::diagnose::path::Next;
use crate::diagnose::verdict::{at_hop, at_stop};
use crate::diagnose::words::name;
use crate::failure::{Assurance, Diagnosis, MTU_BLACK_HOLE, Proof, ReadFrom};
use crate::timeline::{Direction, Hop, State};
use crate::topology::{DeviceKind, Role};

/// What VXLAN adds over IPv4.
const VXLAN_OVERHEAD: u32 = 50;

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    if let State::IcmpError { by, kind, code } = case.timeline.state {
        let hop = case.hop(by)?;
        let v6 = hop.icmp.as_ref().is_some_and(|i| i.from.is_ipv6());
        if (kind, code, v6) != (3, 4, false) && (kind, v6) != (2, true) {
            return None;
        }
        let line = format!(
            "ICMP packet too big ({kind}/{code}), first at {}",
            name(case, hop)
        );
        let proof = Proof::read(ReadFrom::KernelReport, line);
        let verdict = at_hop(&MTU_BLACK_HOLE, proof, case, by);
        return Some(confirmed(case, verdict, hop));
    }
    let stop = case.data_stop()?;
    let too_big = stop.drop.filter(|d| d.is(&["PKT_TOO_BIG"]));
    let leaving = stop.is_at(Role::Vxlan, Direction::Egress)
        || stop.is_at(Role::Underlay, Direction::Egress) && stop.hop.vxlan.is_some();
    let other_drop = stop.drop.is_some() && too_big.is_none();
    if too_big.is_none() && (!leaving || other_drop || !case.lossless()) {
        return None;
    }
    if too_big.is_none() && !stop.silent && !matches!(stop.next, Next::Node(_)) {
        return None;
    }
    let misfit = misfit(case, stop.hop);
    let inside = stop.is_at(Role::Vxlan, Direction::Egress) && stop.silent && misfit.is_some();
    let reported = too_big.map(|_| {
        let says = "the kernel dropped it because it is too big (PKT_TOO_BIG)";
        Proof::read(ReadFrom::KernelReport, says)
    });
    let assurance = match (reported, misfit) {
        (Some(report), Some(misfit)) => report.and(ReadFrom::Devices, misfit).into(),
        (Some(report), None) => report.into(),
        (None, Some(misfit)) => Proof::read(ReadFrom::Devices, misfit).proves_if(inside),
        (None, None) => Assurance::Likely,
    };
    let verdict = at_stop(&MTU_BLACK_HOLE, assurance, case, &stop)
        .because("the handshake passed, the first data is sent again and again");
    Some(confirmed(case, verdict, stop.hop))
}

fn confirmed(case: &Case<'_>, verdict: Diagnosis, hop: &Hop) -> Diagnosis {
    let tunnel = case.hops().find_map(|(_, h)| h.vxlan.as_ref());
    let ping = tunnel.map(|v| format!("ping -c 3 -M do -s 1472 {}", v.to));
    let sender = tunnel.and_then(|v| v.from_node.as_deref());
    let inner = case
        .hops()
        .find(|(_, h)| h.vxlan.is_some() || case.role(h) == Some(Role::Vxlan));
    let address = inner.map_or(hop.destination, |(_, h)| h.destination).ip();
    let overlay = in_overlay_of(case, &hop.node, address, "ip -d link show type vxlan");
    verdict
        .confirm_all(overlay)
        .confirm(on_node(case, &hop.node, "ip -br link"))
        .confirm_all(ping.map(|p| on_node(case, sender.unwrap_or(&hop.node), &p)))
}

/// That the hop's VXLAN device is larger than every interface can carry.
fn misfit(case: &Case<'_>, hop: &Hop) -> Option<String> {
    let topology = case.topology_of(&hop.node)?;
    let at = hop.at();
    let (_, device) = topology.device(at)?;
    let DeviceKind::Vxlan { .. } = device.kind else {
        return None;
    };
    let host = topology.host()?;
    let largest = (host.devices.iter())
        .filter(|d| d.up && d.kind == DeviceKind::Physical && !d.addresses.is_empty())
        .map(|d| d.mtu)
        .max()?;
    let needs = device.mtu.saturating_add(VXLAN_OVERHEAD);
    (needs > largest).then(|| {
        let (name, mtu) = (&device.name, device.mtu);
        format!("{name} has MTU {mtu}, which needs {needs} outside; the node has {largest}")
    })
}
