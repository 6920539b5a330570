//! Packets that arrive damaged: checksum offload that breaks inside VXLAN.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::{on_node, within};
use crate::diagnose::verdict::{at_hop, at_stop};
use crate::diagnose::words::dropped;
use crate::failure::{Assurance, CHECKSUM_CORRUPTION, Diagnosis, Proof, ReadFrom};
use crate::timeline::{Direction, Leg, Phase};
use crate::topology::Role;
use crate::topology::shell::quoted;

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    if !case.failing() && case.data_stop().is_none() {
        return None;
    }
    if let Some(drop) = case.drop_where(|d| d.is(&["TCP_CSUM", "UDP_CSUM", "IP_CSUM"])) {
        let (index, stop) = match case.stop() {
            Some(stop) => (stop.last, Some(stop)),
            None => (case.timeline.hops.len().checked_sub(1)?, None),
        };
        let reason = drop.reason().unwrap_or_default();
        let proof = Proof::read(
            ReadFrom::KernelReport,
            format!("the kernel found the checksum wrong ({reason})"),
        );
        let verdict = match stop {
            Some(stop) if stop.drop == Some(drop) => {
                at_stop(&CHECKSUM_CORRUPTION, proof, case, &stop)
            }
            _ => at_hop(&CHECKSUM_CORRUPTION, proof, case, index).because(dropped(drop)),
        };
        return Some(confirmed(case, verdict));
    }
    let stop = case
        .data_stop()
        .filter(|s| s.hop.leg == Leg::Forward && s.drop.is_none())?;
    let inside = stop.role.is_some_and(Role::in_container) && stop.hop.way == Direction::Ingress;
    let remote = case.hops().any(|(_, h)| {
        h.leg == Leg::Forward
            && h.vxlan.is_some()
            && h.way == Direction::Ingress
            && h.node == stop.hop.node
    });
    let sent = case.attempts(Leg::Forward, Phase::Request);
    if !inside || !remote || sent < 3 || !case.complete() {
        return None;
    }
    let verdict = at_stop(&CHECKSUM_CORRUPTION, Assurance::Likely, case, &stop)
        .because("the data reached the task and was never acknowledged");
    Some(confirmed(case, verdict))
}

fn confirmed(case: &Case<'_>, verdict: Diagnosis) -> Diagnosis {
    let task = case.hops().find(|(_, h)| {
        h.leg == Leg::Forward
            && h.way == Direction::Ingress
            && case.role(h).is_some_and(Role::in_container)
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
        .find(|(_, h)| h.vxlan.is_some() && h.way == Direction::Egress);
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
