//! A namespace that does not have the address that Docker gave it.
//!
//! A packet that gets there is taken for somebody else's. Where the sender has no
//! neighbour entry, nothing answers its ARP request, and it does not even leave.

use crate::diagnose::case::{Case, TaskActivity};
use crate::diagnose::confirm::inside;
use crate::diagnose::dialled::Dialled;
use crate::diagnose::questions::unresolved;
use crate::diagnose::stop::Stop;
use crate::diagnose::verdict::at_stop;
use crate::failure::{
    ADDRESS_MISSING, Diagnosis, Failure, Proof, ReadFrom, VIRTUAL_ADDRESS_MISSING,
};
use crate::timeline::{Direction, Leg};
use crate::topology::{Namespace, NamespaceKind, Role, Topology};
use std::net::IpAddr;

pub(super) fn task(case: &Case<'_>) -> Option<Diagnosis> {
    // The addresses of a container that stops go with it.
    if matches!(case.task_state, Some(TaskActivity::Stopped { .. })) {
        return None;
    }
    let stop = case.stop().filter(|_| case.failing())?;
    let topology = case.topology_of(&stop.hop.node)?;
    let arrived = stop.hop.way == Direction::Ingress && stop.role.is_some_and(Role::in_container);
    let (namespace, address) = if arrived {
        (
            topology.namespace(stop.hop.netns)?,
            stop.hop.destination.ip(),
        )
    } else {
        let address = unresolved_address(&stop)?;
        (namespace_of_task(topology, address)?, address)
    };
    let task = topology.task_by_address(address)?;
    let of_task = topology
        .task_of_namespace(namespace)
        .is_some_and(|t| t.id == task.id);
    if !of_task || namespace.holds(address) {
        return None;
    }
    let says = format!(
        "none of {}'s devices has {address}, which Docker gave it",
        namespace.name
    );
    Some(verdict(&ADDRESS_MISSING, case, &stop, namespace, says))
}

pub(super) fn virtual_address(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.forward_stop().filter(|s| s.hop.leg == Leg::Forward)?;
    if case.dialled() != Dialled::Virtual {
        return None;
    }
    let address = case.timeline.entry.ip().to_canonical();
    let topology = case.topology_of(&stop.hop.node)?;
    let balancer = topology.namespaces.iter().find(|n| match &n.kind {
        NamespaceKind::LoadBalancer { network: Some(id) } => topology
            .network(id)
            .is_some_and(|network| network.contains(address)),
        _ => false,
    })?;
    // Past the load balancer the packet has another destination.
    if stop.hop.destination.ip() != address || balancer.holds(address) {
        return None;
    }
    let service = topology.service_by_vip(address)?;
    let says = format!(
        "none of {}'s devices has {address}, the virtual address of {}",
        balancer.name, service.name
    );
    Some(verdict(
        &VIRTUAL_ADDRESS_MISSING,
        case,
        &stop,
        balancer,
        says,
    ))
}

fn verdict(
    failure: &Failure,
    case: &Case<'_>,
    stop: &Stop<'_>,
    namespace: &Namespace,
    says: String,
) -> Diagnosis {
    let read = case
        .topology_of(&stop.hop.node)
        .is_some_and(|t| t.gaps.is_empty());
    let assurance = Proof::read(ReadFrom::Devices, says).proves_if(read);
    at_stop(failure, assurance, case, stop).confirm(inside(
        case,
        &stop.hop.node,
        namespace,
        "ip -br address",
    ))
}

/// The address that could not be resolved.
fn unresolved_address(stop: &Stop<'_>) -> Option<IpAddr> {
    let drop = stop.drop.filter(|d| unresolved(d))?;
    Some(drop.destination.ip())
}

/// The namespace of the local task that Docker gave that address.
fn namespace_of_task(topology: &Topology, address: IpAddr) -> Option<&Namespace> {
    let task = topology.task_by_address(address)?;
    (topology.namespaces.iter()).find(|n| {
        topology
            .task_of_namespace(n)
            .is_some_and(|t| t.id == task.id)
    })
}
