//! Packets that the node's own namespace does not pass on: its FORWARD chain,
//! and reverse-path filtering.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::on_node;
use crate::diagnose::stop::Stop;
use crate::diagnose::verdict::at_stop;
use crate::failure::{Assurance, Diagnosis, FORWARD_DROP, Proof, REVERSE_PATH_FILTER, ReadFrom};
use crate::timeline::Direction;
use crate::topology::shell::quoted;
use crate::topology::{NamespaceKind, Role};

pub(super) fn forward_drop(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.stop()?;
    if !in_node(&stop) {
        return None;
    }
    let filtered = stop
        .drop
        .is_some_and(|d| d.by_netfilter() && case.drop_place(d) == Some(&NamespaceKind::Host));
    if !filtered && !(stop.silent && stop.drop.is_none()) {
        return None;
    }
    let node = &stop.hop.node;
    Some(
        at_stop(&FORWARD_DROP, Assurance::Likely, case, &stop)
            .confirm(on_node(case, node, "iptables -nvL FORWARD"))
            .confirm(on_node(case, node, "nft list chains hook forward")),
    )
}

pub(super) fn reverse_path(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.stop()?;
    let drop = stop.drop.filter(|d| d.is(&["IP_RPFILTER"]))?;
    let device = drop.device.as_deref().unwrap_or(&stop.hop.device);
    let proof = Proof::read(
        ReadFrom::KernelReport,
        format!("reverse-path filtering dropped it (IP_RPFILTER) at {device}"),
    );
    let read = format!(
        "sysctl {}",
        quoted(&format!("net.ipv4.conf.{device}.rp_filter"))
    );
    Some(
        at_stop(&REVERSE_PATH_FILTER, proof, case, &stop).confirm(on_node(case, &drop.node, &read)),
    )
}

/// Whether the packet stopped where the node's own FORWARD chain comes next.
fn in_node(stop: &Stop<'_>) -> bool {
    stop.hop.vxlan.is_none()
        && (stop.is_at(Role::Underlay, Direction::Ingress)
            || stop.is_at(Role::GatewayBridge, Direction::Ingress)
            || stop.is_at(Role::GatewayPort, Direction::Ingress))
}
