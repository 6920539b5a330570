//! VXLAN datagrams that a firewall stops: on the way, or on the receiving node.

use super::Rule;
use crate::diagnose::case::Case;
use crate::diagnose::confirm::on_node;
use crate::diagnose::stop::Stop;
use crate::diagnose::verdict::{Certainty, Verdict, name};
use crate::timeline::{Vxlan, Way};
use crate::topology::{NamespaceKind, Role};

pub(super) const ON_PATH: Rule = Rule {
    id: "vxlan-blocked-on-path",
    title: "VXLAN datagrams leave this node and do not arrive at the other",
    symptom: "Tasks on another node are silent from here, whatever the service; both nodes are \
              Ready.",
    cause: "UDP 4789 is filtered between the nodes: a security group, a firewall, or a \
            hypervisor that takes VXLAN for itself (NSX uses the same port).",
    needs: "Proven: the datagram was seen to leave one node and not to arrive at the other, both \
            watched without a loss; or something on the way answered it with ICMP. Nothing is \
            said of one node alone.",
    fix: "Let UDP 4789 (the data-path port) through between all nodes, both ways; on NSX, choose \
          another one when creating the Swarm: docker swarm init --data-path-port 7789.",
    references: &["photon#1321", "moby#41775"],
    fallback: false,
    judge: on_path,
};

pub(super) const ON_NODE: Rule = Rule {
    id: "vxlan-blocked-on-node",
    title: "The receiving node's own firewall stops VXLAN datagrams",
    symptom: "Tasks on one node are silent from every other node, whatever the service.",
    cause: "The node's INPUT chain does not accept UDP 4789.",
    needs: "Proven: the datagram reached the node and its kernel reports a netfilter drop in the \
            node's own namespace, or the node answered that it is prohibited. Likely: it did not \
            reach the VXLAN device, watched without a loss.",
    fix: "On the receiving node: iptables -I INPUT -p udp --dport 4789 -j ACCEPT (the data-path \
          port), for good in whatever manages its firewall.",
    references: &["photon#1321"],
    fallback: false,
    judge: on_node_itself,
};

fn on_path(case: &Case<'_>) -> Option<Verdict> {
    let stop = case.stop().filter(|s| s.is_at(Role::Underlay, Way::Out))?;
    let vxlan = stop.hop.vxlan.as_ref()?;
    if let Some((_, hop, code)) = prohibited(case) {
        let from = hop.icmp.as_ref().map(|i| i.from);
        if from.is_none() || from == Some(vxlan.to) {
            return None;
        }
        let line = format!("ICMP prohibited (3/{code}), first at {}", name(case, hop));
        let verdict = Verdict::stopped(&ON_PATH, Certainty::Proven, case, &stop).because(line);
        return Some(confirmed(case, verdict, &stop, vxlan));
    }
    if !stop.silent {
        return None;
    }
    let verdict = Verdict::stopped(&ON_PATH, Certainty::Proven, case, &stop);
    Some(confirmed(case, verdict, &stop, vxlan))
}

fn on_node_itself(case: &Case<'_>) -> Option<Verdict> {
    let stop = case.stop().filter(|s| s.role == Some(Role::Underlay))?;
    let vxlan = stop.hop.vxlan.as_ref()?;
    if let Some((_, hop, code)) = prohibited(case) {
        hop.icmp.as_ref().filter(|i| i.from == vxlan.to)?;
        let line = format!(
            "{} answers prohibited (3/{code}), first at {}",
            vxlan.to,
            name(case, hop)
        );
        let verdict = Verdict::stopped(&ON_NODE, Certainty::Proven, case, &stop).because(line);
        return Some(listed(case, verdict, vxlan));
    }
    if stop.hop.way != Way::In {
        return None;
    }
    let filtered = stop.drop.is_some_and(|d| {
        d.by_netfilter() && case.drop_place(d).is_none_or(|p| *p == NamespaceKind::Host)
    });
    let certainty = match (filtered, stop.drop.is_none() && stop.silent) {
        (true, _) => Certainty::Proven,
        (false, true) => Certainty::Likely,
        _ => return None,
    };
    let verdict = Verdict::stopped(&ON_NODE, certainty, case, &stop);
    Some(listed(case, verdict, vxlan))
}

/// An ICMP error that says a firewall refused, with its code.
fn prohibited<'a>(case: &Case<'a>) -> Option<(usize, &'a crate::timeline::Hop, u8)> {
    match case.icmp_birth() {
        Some((index, hop, 3, code @ (9 | 10 | 13))) => Some((index, hop, code)),
        _ => None,
    }
}

fn confirmed(case: &Case<'_>, verdict: Verdict, stop: &Stop<'_>, vxlan: &Vxlan) -> Verdict {
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

fn listed(case: &Case<'_>, verdict: Verdict, vxlan: &Vxlan) -> Verdict {
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
