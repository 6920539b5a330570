//! The load balancer passes connections on under the client's own address.
//!
//! IPVS gives a packet the task's address and the sandbox's SNAT rule gives it
//! the sandbox's own, so that the answer comes back. Without the rule the task
//! sees the client itself and answers it by another way, under its own address.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::{in_balancer, on_node};
use crate::diagnose::verdict::at_hop;
use crate::diagnose::words::seen;
use crate::failure::{Assurance, Diagnosis, SNAT_MISSING};
use crate::timeline::{Direction, Hop, Leg};
use crate::topology::Role;

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    if !case.failing() && !case.unheard() {
        return None;
    }
    let opening = |h: &Hop| h.leg == Leg::Forward && h.phase == case.opening();
    let (index, hop) = case
        .hops()
        .find(|(_, h)| opening(h) && (leaves_balancer(case, h) || comes_from_overlay(case, h)))?;
    let balancer = match &hop.vxlan {
        Some(vxlan) if hop.way == Direction::Ingress => {
            vxlan.from_node.as_deref().map(str::to_owned)
        }
        _ => None,
    };
    let line = match &hop.vxlan {
        Some(vxlan) if hop.way == Direction::Ingress => {
            format!("the load balancer is {}'s", vxlan.from)
        }
        _ => format!("{} is the client itself", hop.source.ip()),
    };
    let rules = "nsenter --net=/var/run/docker/netns/ingress_sbox iptables -t nat -nvL POSTROUTING";
    let there = balancer.map(|node| on_node(case, &node, rules));
    Some(
        at_hop(&SNAT_MISSING, Assurance::Likely, case, index)
            .because(seen(case, hop))
            .because(line)
            .confirm_all(there)
            .confirm_all(in_balancer(case, "iptables -t nat -nvL POSTROUTING"))
            .confirm_all(in_balancer(case, "sysctl net.ipv4.vs.conntrack")),
    )
}

/// Whether it left a load balancer for a task, still under the client's address.
fn leaves_balancer(case: &Case<'_>, hop: &Hop) -> bool {
    let out = hop.way == Direction::Egress && case.role(hop).is_some_and(Role::balances);
    let mut networks = case.topology.networks.iter();
    let network = networks.find(|n| n.subnets.iter().any(|s| s.contains(&hop.destination.ip())));
    out && hop.source.ip() == case.timeline.client.ip() && network.is_some_and(|n| !n.dsr)
}

/// Whether it came from another node by an overlay that its sender is not on.
fn comes_from_overlay(case: &Case<'_>, hop: &Hop) -> bool {
    let Some(vxlan) = hop.vxlan.as_ref().filter(|_| hop.way == Direction::Ingress) else {
        return false;
    };
    let topology = case.topology_of(&hop.node);
    let network = topology.and_then(|t| t.network_by_vni(vxlan.vni));
    network.is_some_and(|n| {
        let on = |address| n.subnets.iter().any(|s| s.contains(&address));
        !n.dsr && on(hop.destination.ip()) && !on(hop.source.ip())
    })
}
