//! The load balancer sends to a task that is gone.
//!
//! When a task ends, Docker removes its destination from IPVS on every node, by
//! gossip. Where the message was lost, new connections still go to the address:
//! into the overlay and nowhere, or not even out of the sandbox once the
//! neighbour entry is gone too.

use crate::diagnose::case::{Case, TaskActivity};
use crate::diagnose::confirm::in_balancer;
use crate::diagnose::questions::unresolved;
use crate::diagnose::stop::Stop;
use crate::diagnose::verdict::at_stop;
use crate::diagnose::words::name;
use crate::failure::{Diagnosis, Proof, ReadFrom, STALE_BACKEND};
use crate::timeline::{Direction, Leg, Phase};
use crate::topology::shell::quoted;
use crate::topology::{Role, TaskState, Topology};
use std::net::IpAddr;

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.forward_stop()?;
    let backend = chosen(case, &stop)?;
    let stopped = match case.task_state {
        Some(state @ TaskActivity::Stopped { .. }) => Some(state),
        _ => None,
    };
    if stopped.is_none() && !unknown_to_docker(case.topology, backend) {
        return None;
    }
    let why = match stopped {
        Some(state) => format!("the task with {backend}: {}", state.describe()),
        None => format!("no running task that Docker knows of has {backend}"),
    };
    let proves = stopped.is_some() && (stop.proven() || case.complete());
    let assurance = Proof::read(ReadFrom::Docker, why).proves_if(proves);
    Some(
        at_stop(&STALE_BACKEND, assurance, case, &stop)
            .because_of(choice(case, backend))
            .confirm_all(in_balancer(case, "ipvsadm -Ln"))
            .confirm_all(
                case.service()
                    .map(|s| format!("docker service ps {}", quoted(&s.name))),
            ),
    )
}

/// The backend that was chosen: seen as it left the load balancer, or named by
/// the drop of a packet that could not leave it; else the destination that the
/// packet cannot be sent to.
fn chosen(case: &Case<'_>, stop: &Stop<'_>) -> Option<IpAddr> {
    let left = case.hops().find(|(_, h)| {
        h.leg == Leg::Forward
            && h.way == Direction::Egress
            && case.role(h).is_some_and(Role::balances)
    });
    if let Some((_, hop)) = left {
        return Some(hop.destination.ip());
    }
    let inside = stop.is_at(Role::IngressGateway, Direction::Ingress)
        || stop.is_at(Role::LoadBalancer, Direction::Ingress);
    match stop.drop.filter(|d| inside && unresolved(d)) {
        Some(drop) => Some(drop.destination.ip()),
        None if inside && stop.silent && stop.drop.is_none() => {
            let (_, service) = super::ipvs::table(case)?;
            let mut destinations = service?.destinations.iter().map(|d| d.address);
            destinations.find(|a| unknown_to_docker(case.topology, *a))
        }
        None => None,
    }
}

/// Whether Docker answered and has neither a running task nor an endpoint with
/// that address.
pub(super) fn unknown_to_docker(topology: &Topology, address: IpAddr) -> bool {
    let network =
        (topology.networks.iter()).find(|n| n.subnets.iter().any(|s| s.contains(&address)));
    let task = topology.task_by_address(address);
    let endpoint = network.is_some_and(|n| n.endpoints.iter().any(|e| e.address == address));
    let asked = topology.docker.is_some() && !topology.tasks.is_empty();
    asked
        && topology.gaps.is_empty()
        && task.is_none_or(|t| t.state != TaskState::Running)
        && !endpoint
}

fn choice(case: &Case<'_>, backend: IpAddr) -> Option<String> {
    let (_, hop) = case.hops().find(|(_, h)| {
        h.phase != Phase::Rst && h.destination.ip() == backend && h.way == Direction::Egress
    })?;
    Some(format!(
        "the load balancer chose {} at {}",
        hop.destination,
        name(case, hop)
    ))
}
