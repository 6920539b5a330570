//! The load balancer sends to a task that is no more.
//!
//! Docker takes a destination out of IPVS when its task ends, on every node,
//! by gossip. Where that did not arrive, new connections still go to the
//! address: into the overlay and nowhere, or not even out of the sandbox once
//! the neighbour entry is gone too.

use super::Rule;
use crate::diagnose::case::{Case, TaskActivity};
use crate::diagnose::confirm::in_balancer;
use crate::diagnose::reading::unresolved;
use crate::diagnose::stop::Stop;
use crate::diagnose::verdict::{Certainty, Verdict, name};
use crate::timeline::{Leg, Phase, Way};
use crate::topology::shell::quoted;
use crate::topology::{Role, TaskState, Topology};
use std::net::IpAddr;

pub(super) const RULE: Rule = Rule {
    id: "stale-backend",
    title: "The load balancer still sends to a task that is gone",
    symptom: "One connection in N hangs or gets \"no route to host\", where N is the number of \
              tasks; since an update, a crash or a node's loss. UDP clients keep hitting it.",
    cause: "The task ended and its IPVS destination was not removed on this node (gossip lost, \
            Docker busy), or a UDP conntrack entry outlived it.",
    needs: "Proven: the load balancer chose an address, nothing answered, and Docker's events say \
            that its task had stopped. Likely: no running task that Docker knows of has the \
            address.",
    fix: "Restart Docker on this node, or force a new update of the service (docker service \
          update --force). As a stopgap remove the destination: ipvsadm -d -f MARK -r ADDRESS:0 \
          in the sandbox; for UDP, conntrack -D -d ADDRESS.",
    references: &["moby#41896", "moby#36878", "moby#33790"],
    fallback: false,
    judge,
};

fn judge(case: &Case<'_>) -> Option<Verdict> {
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
    let certainty = Certainty::proven_if(stopped.is_some() && (stop.proven() || case.complete()));
    Some(
        Verdict::stopped(&RULE, certainty, case, &stop)
            .because_of(choice(case, backend))
            .because(why)
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
        h.leg == Leg::Forward && h.way == Way::Out && case.role(h).is_some_and(Role::balances)
    });
    if let Some((_, hop)) = left {
        return Some(hop.destination.ip());
    }
    let inside =
        stop.is_at(Role::IngressGateway, Way::In) || stop.is_at(Role::LoadBalancer, Way::In);
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

/// Whether Docker was asked and knows of nobody with that address.
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
        h.phase != Phase::Rst && h.destination.ip() == backend && h.way == Way::Out
    })?;
    Some(format!(
        "the load balancer chose {} at {}",
        hop.destination,
        name(case, hop)
    ))
}
