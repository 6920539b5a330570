//! Packets that arrive damaged: checksum offload that breaks inside VXLAN.

use super::Rule;
use crate::diagnose::case::Case;
use crate::diagnose::confirm::{on_node, within};
use crate::diagnose::verdict::{Certainty, Verdict, dropped};
use crate::timeline::{Leg, Phase, Way};
use crate::topology::Role;
use crate::topology::shell::quoted;

pub(super) const RULE: Rule = Rule {
    id: "checksum-corruption",
    title: "Packets arrive with a wrong checksum: checksum offload breaks inside VXLAN",
    symptom: "Between two nodes ping works (and perhaps handshakes), data does not; virtual \
              machines on VMware, or certain network cards.",
    cause: "The sending node leaves the inner checksum to hardware (vmxnet3 and others) that does \
            not know the VXLAN port or computes it wrongly; the receiving kernel discards the \
            packet.",
    needs: "Proven: the kernel drops it for its checksum (TCP_CSUM, UDP_CSUM, IP_CSUM). Likely: \
            data from another node reached the task three times and was never acknowledged.",
    fix: "On the sending node: ethtool -K DEVICE tx-checksum-ip-generic off (vmxnet3: tx off), \
          for good by a udev rule or the network manager; or choose a data-path port that the \
          hardware does not treat specially.",
    references: &["moby#41775", "swarmpit#688"],
    fallback: false,
    judge,
};

fn judge(case: &Case<'_>) -> Option<Verdict> {
    if !case.failing() && case.data_stop().is_none() {
        return None;
    }
    if let Some(drop) = case.drop_where(|d| d.is(&["TCP_CSUM", "UDP_CSUM", "IP_CSUM"])) {
        let (index, stop) = match case.stop() {
            Some(stop) => (stop.last, Some(stop)),
            None => (case.timeline.hops.len().checked_sub(1)?, None),
        };
        let verdict = match stop {
            Some(stop) if stop.drop == Some(drop) => {
                Verdict::stopped(&RULE, Certainty::Proven, case, &stop)
            }
            _ => Verdict::new(&RULE, Certainty::Proven, case, index).because(dropped(drop)),
        };
        return Some(confirmed(case, verdict));
    }
    let stop = case
        .data_stop()
        .filter(|s| s.hop.leg == Leg::Forward && s.drop.is_none())?;
    let inside = stop.role.is_some_and(Role::in_container) && stop.hop.way == Way::In;
    let remote = case.hops().any(|(_, h)| {
        h.leg == Leg::Forward && h.vxlan.is_some() && h.way == Way::In && h.node == stop.hop.node
    });
    let sent = case.attempts(Leg::Forward, Phase::Request);
    if !inside || !remote || sent < 3 || !case.complete() {
        return None;
    }
    let verdict = Verdict::stopped(&RULE, Certainty::Likely, case, &stop)
        .because("the data reached the task and was never acknowledged");
    Some(confirmed(case, verdict))
}

fn confirmed(case: &Case<'_>, verdict: Verdict) -> Verdict {
    let task = case.hops().find(|(_, h)| {
        h.leg == Leg::Forward && h.way == Way::In && case.role(h).is_some_and(Role::in_container)
    });
    let counted = task.and_then(|(_, h)| {
        within(
            case,
            &h.node,
            h.netns,
            "nstat -asz TcpInCsumErrors UdpInCsumErrors",
        )
    });
    let sent = case.hops().find_map(|(_, h)| h.vxlan.as_ref());
    let sender = sent
        .and_then(|v| v.from_node.as_deref())
        .unwrap_or(&case.topology.hostname);
    let offload = case
        .hops()
        .find(|(_, h)| h.vxlan.is_some() && h.way == Way::Out);
    let device = match (offload, sent) {
        (Some((_, hop)), _) => quoted(&hop.device),
        (None, Some(v)) => format!("$(ip -o route get {} | sed 's/.* dev //; s/ .*//')", v.to),
        (None, None) => return verdict.confirm_all(counted),
    };
    verdict.confirm_all(counted).confirm(on_node(
        case,
        sender,
        &format!("ethtool -k {device} | grep checksum"),
    ))
}
