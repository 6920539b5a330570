//! What a client dialled, which decides the way that its packets should go.

use super::case::Case;
use crate::topology::{NamespaceKind, PublishMode};

/// What a client dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialled {
    /// A published port of a node, through the routing mesh.
    Published,
    /// A port published on the task's own node.
    PublishedOnHost,
    /// A service's virtual address.
    Virtual,
    /// A task's own address.
    Direct,
    /// An address that the topology does not have, or a port that no service publishes.
    Other,
}

/// What the client of `case` dialled, by its flow's entry address.
pub fn dialled(case: &Case<'_>) -> Dialled {
    let (topology, entry) = (case.topology, case.timeline.entry);
    let address = entry.ip().to_canonical();
    if topology.service_by_vip(address).is_some() {
        return Dialled::Virtual;
    }
    if topology.task_by_address(address).is_some() {
        return Dialled::Direct;
    }
    let gateway = topology
        .namespaces
        .iter()
        .filter(|n| matches!(n.kind, NamespaceKind::Host | NamespaceKind::IngressSandbox))
        .any(|n| n.holds(address));
    if !gateway && !address.is_loopback() && topology.node_by_address(address).is_none() {
        return Dialled::Other;
    }
    let protocol = case.timeline.protocol;
    let port = topology
        .services
        .iter()
        .filter(|s| case.timeline.service.as_ref().is_none_or(|n| *n == s.name))
        .flat_map(|s| &s.ports)
        .find(|p| p.published == entry.port() && p.protocol == protocol);
    match port.map(|p| p.mode) {
        Some(PublishMode::Ingress) => Dialled::Published,
        Some(PublishMode::Host) => Dialled::PublishedOnHost,
        None => Dialled::Other,
    }
}
