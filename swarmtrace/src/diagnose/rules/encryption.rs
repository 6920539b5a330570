//! Packets that vanish inside an encrypted overlay.
//!
//! Between the nodes an encrypted overlay is ESP, in which no flow can be
//! recognised. The evidence is that a packet went into one node's VXLAN device
//! and did not come out of the other's.

use crate::diagnose::case::{Case, PacketDrop};
use crate::diagnose::confirm::on_node;
use crate::diagnose::path::Next;
use crate::diagnose::verdict::at_stop;
use crate::failure::{Assurance, Diagnosis, OVERLAY_ENCRYPTION};
use crate::timeline::Direction;
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

fn in_xfrm(drop: &PacketDrop) -> bool {
    let site = drop.symbol.as_deref().unwrap_or_default();
    drop.reason().is_some_and(|r| r.starts_with("XFRM"))
        || ["xfrm", "esp", "__xfrm"]
            .iter()
            .any(|p| site.starts_with(p))
}
