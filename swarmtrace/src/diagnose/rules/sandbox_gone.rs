//! The routing mesh's sandbox is not where the node sends to.
//!
//! The node rewrites a published port to `ingress_sbox`'s address on
//! docker_gwbridge. Where the sandbox is gone or has another address, nobody
//! answers the ARP request for it.

use super::Rule;
use crate::diagnose::case::Case;
use crate::diagnose::confirm::on_node;
use crate::diagnose::entry::Kind;
use crate::diagnose::verdict::{Certainty, Verdict};
use crate::timeline::{Leg, Way};
use crate::topology::{NamespaceKind, Role};

pub(super) const RULE: Rule = Rule {
    id: "ingress-sandbox-gone",
    title: "The routing mesh's sandbox is gone, or has another address than the node sends to",
    symptom: "All published ports of one node are silent or \"no route to host\".",
    cause: "ingress_sbox was not created again after a restart of Docker or a change of the \
            ingress network, or docker_gwbridge gave it another address than the DNAT rule has.",
    needs: "Proven: the opening packet stopped at docker_gwbridge or in the sandbox, or the kernel \
            could not resolve the sandbox's address, and no ingress_sbox has the address. Likely: the address is \
            right but was not resolved.",
    fix: "Restart Docker on the node; if the sandbox does not come back, drain the node, \
          `docker swarm leave`, remove docker_gwbridge and join again.",
    references: &["moby#24400", "moby#36876"],
    fallback: false,
    judge,
};

fn judge(case: &Case<'_>) -> Option<Verdict> {
    let stop = case.forward_stop()?;
    // An old neighbour entry may lead into the sandbox that lost the address.
    let inside = stop.is_at(Role::IngressGateway, Way::In) && stop.silent;
    let here =
        inside || stop.is_at(Role::GatewayBridge, Way::Out) || stop.is_at(Role::Underlay, Way::In);
    if case.kind() != Kind::Published || !here || stop.hop.vxlan.is_some() {
        return None;
    }
    let unresolved = stop.drop.filter(|d| {
        d.is(&["NEIGH_FAILED", "NEIGH_QUEUEFULL"])
            && case.drop_place(d) == Some(&NamespaceKind::Host)
    });
    let sent_to = match (
        case.at(Leg::Forward, Role::GatewayBridge, Way::Out),
        unresolved,
    ) {
        (Some((_, hop)), _) => Some(hop.destination.ip()),
        (None, Some(drop)) => Some(drop.destination.ip()),
        (None, None) => None,
    };
    let mut sandboxes = (case.topology.namespaces.iter())
        .filter(|n| n.kind == NamespaceKind::IngressSandbox)
        .peekable();
    let read = case.topology.gaps.is_empty();
    let gone = match sandboxes.peek() {
        None => Some("there is no ingress_sbox on this node".to_owned()),
        Some(_) => {
            let address = sent_to?;
            let has = sandboxes.any(|n| {
                (n.devices.iter()).any(|d| d.addresses.iter().any(|a| a.addr() == address))
            });
            (!has).then(|| format!("the node sends to {address}, which is not ingress_sbox's"))
        }
    };
    if gone.is_none() && (unresolved.is_none() || inside) {
        return None;
    }
    let proof = gone.is_some() && read && (sent_to.is_some() || case.complete());
    let list = "nsenter --net=/var/run/docker/netns/ingress_sbox ip -br addr";
    let node = &stop.hop.node;
    Some(
        Verdict::stopped(&RULE, Certainty::proven_if(proof), case, &stop)
            .because_of(gone)
            .confirm(on_node(case, node, list))
            .confirm(on_node(case, node, "iptables -t nat -nvL DOCKER-INGRESS"))
            .confirm(on_node(case, node, "ip neigh show dev docker_gwbridge")),
    )
}
