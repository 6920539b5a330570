//! VXLAN datagrams that a firewall stops: on the way, or on the receiving node.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::on_node;
use crate::diagnose::stop::Stop;
use crate::diagnose::verdict::at_stop;
use crate::diagnose::words::name;
use crate::failure::{Assurance, Diagnosis, VXLAN_BLOCKED_ON_NODE, VXLAN_BLOCKED_ON_PATH};
use crate::timeline::{Direction, Vxlan};
use crate::topology::NamespaceKind;
use crate::topology::Role;

pub(super) fn on_path(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case
        .stop()
        .filter(|s| s.is_at(Role::Underlay, Direction::Egress))?;
    let vxlan = stop.hop.vxlan.as_ref()?;
    if let Some((_, hop, code)) = case.prohibited() {
        let from = hop.icmp.as_ref().map(|i| i.from);
        if from.is_none() || from == Some(vxlan.to) {
            return None;
        }
        let line = format!("ICMP prohibited (3/{code}), first at {}", name(case, hop));
        let verdict = at_stop(&VXLAN_BLOCKED_ON_PATH, Assurance::Likely, case, &stop).because(line);
        return Some(confirmed(case, verdict, &stop, vxlan));
    }
    if !stop.silent {
        return None;
    }
    let verdict = at_stop(&VXLAN_BLOCKED_ON_PATH, Assurance::Likely, case, &stop);
    Some(confirmed(case, verdict, &stop, vxlan))
}

pub(super) fn on_node_itself(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.stop().filter(|s| s.role == Some(Role::Underlay))?;
    let vxlan = stop.hop.vxlan.as_ref()?;
    // Docker itself refuses what comes in clear for an encrypted network.
    if super::encryption::in_clear(case, stop.hop) {
        return None;
    }
    if let Some((_, hop, code)) = case.prohibited() {
        hop.icmp.as_ref().filter(|i| i.from == vxlan.to)?;
        let line = format!(
            "{} answers prohibited (3/{code}), first at {}",
            vxlan.to,
            name(case, hop)
        );
        let verdict = at_stop(&VXLAN_BLOCKED_ON_NODE, Assurance::Likely, case, &stop).because(line);
        return Some(listed(case, verdict, vxlan));
    }
    if stop.hop.way != Direction::Ingress {
        return None;
    }
    let filtered = stop.drop.is_some_and(|d| {
        d.by_netfilter() && case.drop_place(d).is_none_or(|p| *p == NamespaceKind::Host)
    });
    let stopped = stop.silent && stop.drop.is_none();
    if !(filtered || stopped) {
        return None;
    }
    let verdict = at_stop(&VXLAN_BLOCKED_ON_NODE, Assurance::Likely, case, &stop);
    Some(listed(case, verdict, vxlan))
}

fn confirmed(case: &Case<'_>, verdict: Diagnosis, stop: &Stop<'_>, vxlan: &Vxlan) -> Diagnosis {
    let port = data_path_port(case);
    let dump = format!(
        "timeout 10 tcpdump -ni any -c 5 udp port {port} and host {}",
        vxlan.from
    );
    let other = receiver(vxlan);
    let watch = format!(
        "timeout 10 tcpdump -ni any -c 5 udp port {port} and host {}",
        vxlan.to
    );
    verdict
        .confirm(on_node(case, &stop.hop.node, &watch))
        .confirm(on_node(case, &other, &dump))
}

/// The name of the node that the datagram is for, else its address.
fn receiver(vxlan: &Vxlan) -> String {
    match &vxlan.to_node {
        Some(node) => node.to_string(),
        None => vxlan.to.to_string(),
    }
}

fn listed(case: &Case<'_>, verdict: Diagnosis, vxlan: &Vxlan) -> Diagnosis {
    let other = receiver(vxlan);
    verdict
        .confirm(on_node(case, &other, "iptables -nvL INPUT"))
        .confirm(on_node(case, &other, "nft list chains hook input"))
}

fn data_path_port(case: &Case<'_>) -> u16 {
    let port = case
        .topology
        .docker
        .as_ref()
        .map_or(0, |d| d.data_path_port);
    if port == 0 { 4789 } else { port }
}
