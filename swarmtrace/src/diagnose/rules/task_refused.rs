//! The task's own stack refused the connection.
//!
//! A reset that answers a SYN and was first seen at the task's device is the most
//! common failure: nothing listens. Docker's events at that moment distinguish a
//! mistake from a rolling update.

use super::duplicate::is_shared;
use crate::diagnose::case::{Case, TaskActivity};
use crate::diagnose::confirm::within;
use crate::diagnose::dialled::Dialled;
use crate::diagnose::verdict::at_hop;
use crate::diagnose::words::seen;
use crate::failure::{
    Assurance, Diagnosis, Failure, NO_LISTENER, Proof, ReadFrom, TASK_STARTING, TASK_STOPPING,
};
use crate::timeline::{Direction, Hop, Leg, Phase, Protocol, Rewrite, State};
use crate::topology::Role;
use crate::topology::role::role;
use crate::topology::shell::quoted;
use std::net::SocketAddr;

pub(super) fn no_listener(case: &Case<'_>) -> Option<Diagnosis> {
    match case.task_state {
        Some(TaskActivity::Starting | TaskActivity::Stopped { .. }) => None,
        Some(TaskActivity::Running) | None => verdict(&NO_LISTENER, case),
    }
}

pub(super) fn starting(case: &Case<'_>) -> Option<Diagnosis> {
    let starting = case.task_state == Some(TaskActivity::Starting);
    starting.then(|| verdict(&TASK_STARTING, case)).flatten()
}

pub(super) fn stopping(case: &Case<'_>) -> Option<Diagnosis> {
    let stopped = matches!(case.task_state, Some(TaskActivity::Stopped { .. }));
    stopped.then(|| verdict(&TASK_STOPPING, case)).flatten()
}

fn verdict(failure: &Failure, case: &Case<'_>) -> Option<Diagnosis> {
    let (index, hop, at_task) = refusal(case)?;
    let server = refused(hop);
    if is_shared(case, server.ip()) {
        return None;
    }
    let from = match at_task {
        true => "leaving",
        false => "coming from",
    };
    let container = inside(case, hop).unwrap_or(hop.netns);
    let port = target_port(case, hop);
    let state = case.task_state.map(|s| {
        let task = case.timeline.task.as_deref().unwrap_or("the task");
        format!("{task} was {}", s.describe())
    });
    let stopped = matches!(case.task_state, Some(TaskActivity::Stopped { .. }));
    let (assurance, state) = match (no_socket(case, hop), state) {
        (_, Some(state)) if stopped => (
            Proof::read(ReadFrom::Docker, state).proves_if(at_task),
            None,
        ),
        (Some(read), state) => (read.proves_if(at_task), state),
        (None, state) => (Assurance::Likely, state),
    };
    let listeners = match case.timeline.protocol {
        Protocol::Tcp => "ss -ltn",
        Protocol::Udp | Protocol::Sctp => "ss -lun",
    };
    let redirect = (port != server.port())
        .then(|| format!("port {} is redirected to {port} in the task", server.port()));
    Some(
        at_hop(failure, assurance, case, index)
            .because(format!("first seen {from} the task: {}", seen(case, hop)))
            .because_of(redirect)
            .because_of(state)
            .confirm_all(within(
                case,
                &hop.node,
                container,
                &format!("{listeners} 'sport = :{port}'"),
            ))
            .confirm_all(
                case.timeline
                    .service
                    .as_ref()
                    .map(|s| format!("docker service ps {}", quoted(s))),
            ),
    )
}

/// The kernel's report that the task's stack refused it for want of a socket.
fn no_socket(case: &Case<'_>, hop: &Hop) -> Option<Proof> {
    let sent = case.reset_sent(hop)?;
    let reason = sent.reason().filter(|r| *r == "NO_SOCKET")?;
    let says = format!("the kernel says {} sent it: {reason}", sent.namespace);
    Some(Proof::read(ReadFrom::KernelReport, says))
}

/// The refusal, and whether it was first seen leaving a container; else at the
/// other end of the container's device.
fn refusal<'a>(case: &Case<'a>) -> Option<(usize, &'a Hop, bool)> {
    let (index, hop) = match case.timeline.state {
        State::Refused { by } => (by, case.hop(by)?),
        State::IcmpError {
            by,
            kind: 3,
            code: 3,
        } if case.timeline.protocol == Protocol::Udp => (by, case.hop(by)?),
        _ => return None,
    };
    inside(case, hop)?;
    match (hop.leg, hop.way) {
        (Leg::Reply, Direction::Egress) => Some((index, hop, true)),
        (Leg::Reply, Direction::Ingress) => Some((index, hop, false)),
        (Leg::Forward, _) => None,
    }
}

/// The container whose packets the hop's device sees: its own namespace on the
/// way out, the one at the other end of the veth on the way in.
fn inside(case: &Case<'_>, hop: &Hop) -> Option<u32> {
    if hop.way == Direction::Egress {
        let inside = case.role(hop).is_some_and(Role::in_container);
        return inside.then_some(hop.netns);
    }
    let topology = case.topology_of(&hop.node)?;
    let at = hop.at();
    let (_, device) = topology.device(at)?;
    let (namespace, device) = topology.peer_of(device)?;
    let part = role(topology, namespace, device);
    part.in_container().then_some(namespace.inode)
}

/// The address that refused; an ICMP error quotes what was sent to it.
fn refused(hop: &Hop) -> SocketAddr {
    match hop.phase {
        Phase::IcmpError => hop.destination,
        _ => hop.source,
    }
}

/// The port inside the task: after a REDIRECT, as conntrack shows it or as the
/// service is published.
fn target_port(case: &Case<'_>, hop: &Hop) -> u16 {
    let server = refused(hop);
    let redirected = case.hops().find_map(|(_, h)| {
        (h.then.iter().chain(&h.rewrites)).find_map(|r| match r {
            Rewrite::Redirect { to_port, .. } => Some(*to_port),
            _ => None,
        })
    });
    let tracked = hop
        .conntrack
        .filter(|c| c.reply.0.ip() == server.ip() && c.original.1 == server);
    let published = || {
        let protocol = case.timeline.protocol;
        let mut ports = case.service()?.ports.iter();
        let port = ports.find(|p| p.published == server.port() && p.protocol == protocol)?;
        (case.dialled() == Dialled::Published).then_some(port.target)
    };
    (tracked.map(|c| c.reply.0.port()))
        .or(redirected)
        .or_else(published)
        .unwrap_or(server.port())
}
