//! Packets that vanish inside an encrypted overlay.
//!
//! Between the nodes an encrypted overlay is ESP, in which no flow can be
//! recognised. The evidence is that a packet went into one node's VXLAN device
//! and did not come out of the other's.

use crate::diagnose::case::{Case, PacketDrop};
use crate::diagnose::confirm::on_node;
use crate::diagnose::path::Next;
use crate::diagnose::verdict::{at_hop, at_stop};
use crate::diagnose::words::seen;
use crate::failure::{
    Assurance, Diagnosis, ENCRYPTION_MARK_MISSING, OVERLAY_ENCRYPTION, Proof, ReadFrom,
};
use crate::timeline::{Direction, Hop};
use crate::topology::{DeviceKind, Role};

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case
        .stop()
        .filter(|s| s.is_at(Role::Vxlan, Direction::Egress))?;
    let topology = case.topology_of(&stop.hop.node)?;
    let at = stop.hop.at();
    let (_, device) = topology.device(at)?;
    let DeviceKind::Vxlan { vni, .. } = device.kind else {
        return None;
    };
    let network = topology.network_by_vni(vni).filter(|n| n.encrypted)?;
    let reported = stop.drop.is_some_and(in_xfrm);
    let lost = stop.drop.is_none() && stop.silent && matches!(stop.next, Next::Hop(_));
    if !reported && !lost {
        return None;
    }
    let node = &stop.hop.node;
    Some(
        at_stop(&OVERLAY_ENCRYPTION, Assurance::Likely, case, &stop)
            .because(format!("network {} (VNI {vni}) is encrypted", network.name))
            .confirm(on_node(case, node, "ip -s xfrm state"))
            .confirm(on_node(case, node, "ip xfrm policy"))
            .confirm(on_node(case, node, "timeout 10 tcpdump -ni any -c 5 esp")),
    )
}

/// A datagram of an encrypted network that was seen in clear between the nodes.
///
/// Relied on: ESP is applied before a packet gets to a device's egress
/// (`xfrm_output`), and is still there at its ingress, so that the taps of the
/// node's interface never see such a datagram where encryption works.
pub(super) fn sent_in_clear(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.stop().filter(|_| case.failing())?;
    let same = |h: &Hop| (h.leg, h.phase) == (stop.hop.leg, stop.hop.phase);
    let (index, hop) = case.hops().find(|(_, h)| same(h) && in_clear(case, h))?;
    let vxlan = hop.vxlan.as_ref()?;
    let network = case
        .topology_of(&hop.node)
        .and_then(|t| t.network_by_vni(vxlan.vni))?;
    let sender = match hop.way {
        Direction::Egress => hop.node.to_string(),
        Direction::Ingress => match &vxlan.from_node {
            Some(node) => node.to_string(),
            None => vxlan.from.to_string(),
        },
    };
    let says = format!(
        "network {} (VNI {}) is encrypted, and {sender} sends it in clear",
        network.name, vxlan.vni
    );
    // That it is in clear is certain; a policy that is missing looks like a mark that is.
    let assurance = Proof::read(ReadFrom::Docker, says).proves_if(false);
    Some(
        at_hop(&ENCRYPTION_MARK_MISSING, assurance, case, index)
            .because(seen(case, hop))
            .confirm(on_node(case, &sender, "iptables -t mangle -nvL OUTPUT"))
            .confirm(on_node(case, &sender, "ip xfrm policy")),
    )
}

/// Whether the hop is a datagram of an encrypted network, in clear at a NIC of
/// the node.
pub(super) fn in_clear(case: &Case<'_>, hop: &Hop) -> bool {
    let at_nic = case.role(hop) == Some(Role::Underlay);
    let vni = hop.vxlan.as_ref().filter(|_| at_nic).map(|v| v.vni);
    let topology = case.topology_of(&hop.node);
    vni.zip(topology)
        .and_then(|(vni, t)| t.network_by_vni(vni))
        .is_some_and(|n| n.encrypted)
}

fn in_xfrm(drop: &PacketDrop) -> bool {
    let site = drop.symbol.as_deref().unwrap_or_default();
    drop.reason().is_some_and(|r| r.starts_with("XFRM"))
        || ["xfrm", "esp", "__xfrm"]
            .iter()
            .any(|p| site.starts_with(p))
}
