//! What a client dialled, and so which way its packets ought to go.

use super::case::Case;
use crate::topology::{Namespace, NamespaceKind, PublishMode};
use std::net::IpAddr;

/// What kind of address a client dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A published port of a node, through the routing mesh.
    Published,
    /// A port published on the task's own node.
    PublishedOnHost,
    /// A service's virtual address.
    Virtual,
    /// A task's own address.
    Direct,
    /// Nothing that the topology knows.
    Other,
}

/// What the client of `case` dialled.
pub fn kind(case: &Case<'_>) -> Kind {
    let (topology, entry) = (case.topology, case.timeline.entry);
    let address = entry.ip().to_canonical();
    if topology.service_by_vip(address).is_some() {
        return Kind::Virtual;
    }
    if topology.task_by_address(address).is_some() {
        return Kind::Direct;
    }
    let gateway = topology
        .namespaces
        .iter()
        .filter(|n| matches!(n.kind, NamespaceKind::Host | NamespaceKind::IngressSandbox))
        .any(|n| holds(n, address));
    if !gateway && !address.is_loopback() && topology.node_by_address(address).is_none() {
        return Kind::Other;
    }
    let protocol = case.timeline.protocol.number();
    let port = topology
        .services
        .iter()
        .filter(|s| case.timeline.service.as_ref().is_none_or(|n| *n == s.name))
        .flat_map(|s| &s.ports)
        .find(|p| p.published == entry.port() && p.protocol.number() == protocol);
    match port.map(|p| p.mode) {
        Some(PublishMode::Ingress) => Kind::Published,
        Some(PublishMode::Host) => Kind::PublishedOnHost,
        None => Kind::Other,
    }
}

/// Whether one of the namespace's devices has that address.
pub fn holds(namespace: &Namespace, address: IpAddr) -> bool {
    (namespace.devices.iter()).any(|d| d.addresses.iter().any(|a| a.addr() == address))
}
