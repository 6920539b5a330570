//! The routing mesh's sandbox is not where the node sends to.
//!
//! The node rewrites a published port to `ingress_sbox`'s address on
//! `docker_gwbridge`. Where the sandbox is gone or has another address,
//! nothing answers the ARP request for it.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::on_node;
use crate::diagnose::dialled::Dialled;
use crate::diagnose::verdict::at_stop;
use crate::failure::{Assurance, Diagnosis, INGRESS_SANDBOX_GONE, Proof, ReadFrom};
use crate::timeline::{Direction, Leg};
use crate::topology::NamespaceKind;
use crate::topology::Role;

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.forward_stop()?;
    // An old neighbour entry may lead into the sandbox that lost the address.
    let inside = stop.is_at(Role::IngressGateway, Direction::Ingress) && stop.silent;
    let here = inside
        || stop.is_at(Role::GatewayBridge, Direction::Egress)
        || stop.is_at(Role::Underlay, Direction::Ingress);
    if case.dialled() != Dialled::Published || !here || stop.hop.vxlan.is_some() {
        return None;
    }
    let unresolved = stop.drop.filter(|d| {
        d.is(&["NEIGH_FAILED", "NEIGH_QUEUEFULL"])
            && case.drop_place(d) == Some(&NamespaceKind::Host)
    });
    let sent_to = match (
        case.at(Leg::Forward, Role::GatewayBridge, Direction::Egress),
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
    let assurance = gone.map_or(Assurance::Likely, |gone| {
        Proof::read(ReadFrom::Devices, gone).proves_if(proof)
    });
    let list = "nsenter --net=/var/run/docker/netns/ingress_sbox ip -br addr";
    let node = &stop.hop.node;
    Some(
        at_stop(&INGRESS_SANDBOX_GONE, assurance, case, &stop)
            .confirm(on_node(case, node, list))
            .confirm(on_node(case, node, "iptables -t nat -nvL DOCKER-INGRESS"))
            .confirm(on_node(case, node, "ip neigh show dev docker_gwbridge")),
    )
}
