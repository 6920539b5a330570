//! Packets that the node's own namespace does not pass on: its FORWARD chain,
//! and reverse-path filtering.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::on_node;
use crate::diagnose::stop::Stop;
use crate::diagnose::verdict::{at_hop, at_stop};
use crate::diagnose::words::name;
use crate::failure::{Assurance, Diagnosis, FORWARD_DROP, Proof, REVERSE_PATH_FILTER, ReadFrom};
use crate::timeline::{Direction, Leg};
use crate::topology::shell::quoted;
use crate::topology::{NamespaceKind, Role};

pub(super) fn forward_drop(case: &Case<'_>) -> Option<Diagnosis> {
    if let Some(verdict) = prohibited(case) {
        return Some(verdict);
    }
    let stop = case.stop()?;
    if !in_node(&stop) {
        return None;
    }
    let filtered = stop
        .drop
        .is_some_and(|d| d.by_netfilter() && case.drop_place(d) == Some(&NamespaceKind::Host));
    let stopped = stop.silent && stop.drop.is_none();
    if !(filtered || stopped) {
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

/// A REJECT rule of the node: it answers itself that it is prohibited, and passes
/// nothing on.
fn prohibited(case: &Case<'_>) -> Option<Diagnosis> {
    let (index, hop, code) = case.prohibited()?;
    let own = case.role(hop) == Some(Role::Underlay)
        && (hop.leg, hop.way) == (Leg::Reply, Direction::Egress)
        && hop.vxlan.is_none();
    let stays = (case.hops()).all(|(_, h)| case.role(h) == Some(Role::Underlay));
    if !own || !stays {
        return None;
    }
    let line = format!(
        "the node answers prohibited (3/{code}), first at {}: a rule rejects it",
        name(case, hop)
    );
    Some(
        at_hop(&FORWARD_DROP, Assurance::Likely, case, index)
            .because(line)
            .confirm(on_node(case, &hop.node, "iptables-save -c | grep REJECT"))
            .confirm(on_node(case, &hop.node, "nft list ruleset | grep reject"))
            .fix(
                "Remove or narrow the rule that rejects, in the configuration of the program \
                 that wrote it too (firewalld: put docker_gwbridge in the docker zone).",
            ),
    )
}

/// Whether the packet stopped where the node's own FORWARD chain comes next.
fn in_node(stop: &Stop<'_>) -> bool {
    stop.hop.vxlan.is_none()
        && (stop.is_at(Role::Underlay, Direction::Ingress)
            || stop.is_at(Role::GatewayBridge, Direction::Ingress)
            || stop.is_at(Role::GatewayPort, Direction::Ingress))
}
