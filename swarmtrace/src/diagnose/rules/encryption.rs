//! Packets that vanish inside an encrypted overlay.
//!
//! Between the nodes an encrypted overlay is ESP, which no flow can be
//! recognised in; what can be said is that a packet went into one node's VXLAN
//! device and did not come out of the other's.

use super::Rule;
use crate::diagnose::case::{Case, PacketDrop};
use crate::diagnose::confirm::on_node;
use crate::diagnose::path::Next;
use crate::diagnose::verdict::{Certainty, Verdict};
use crate::timeline::Way;
use crate::topology::{DeviceKind, Role};

pub(super) const RULE: Rule = Rule {
    id: "overlay-encryption",
    title: "The packet does not get through the encrypted overlay",
    symptom: "A network created with --opt encrypted works on one node and between none, or \
              stopped after a key rotation or a kernel update.",
    cause: "ESP (IP protocol 50) is blocked between the nodes, the kernel lacks the algorithm or \
            the xfrm modules, or the nodes' security associations differ.",
    needs: "Proven: the network is encrypted and the kernel reports a drop in xfrm or ESP, or the \
            packet entered the tunnel on one node and did not leave it on the other, both watched \
            without a loss. Nothing is said of one node alone.",
    fix: "Let protocol 50 through between the nodes (cloud security groups list it apart from \
          TCP and UDP); modprobe esp4 xfrm_user; restart Docker on both nodes to exchange keys \
          again.",
    references: &["moby#30727", "moby#37115"],
    fallback: false,
    judge,
};

fn judge(case: &Case<'_>) -> Option<Verdict> {
    let stop = case.stop().filter(|s| s.is_at(Role::Vxlan, Way::Out))?;
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
        Verdict::stopped(&RULE, Certainty::Proven, case, &stop)
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
