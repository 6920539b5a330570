//! Open connections that one of the two ends reset.

use crate::diagnose::case::{Case, TaskActivity};
use crate::diagnose::confirm::within;
use crate::diagnose::verdict::at_hop;
use crate::diagnose::words::seen;
use crate::failure::{
    Assurance, CLIENT_RESET, Diagnosis, Failure, Proof, ReadFrom, TASK_RESET,
    TASK_STOPPED_MIDSTREAM,
};
use crate::timeline::{Direction, Hop, Leg, Phase, State};
use crate::topology::Role;
use crate::topology::shell::quoted;

pub(super) fn task(case: &Case<'_>) -> Option<Diagnosis> {
    match case.task_state {
        Some(TaskActivity::Stopped { .. }) => None,
        _ => by_task(&TASK_RESET, case),
    }
}

pub(super) fn task_stopped(case: &Case<'_>) -> Option<Diagnosis> {
    match case.task_state {
        Some(TaskActivity::Stopped { .. }) => by_task(&TASK_STOPPED_MIDSTREAM, case),
        _ => None,
    }
}

fn by_task(failure: &Failure, case: &Case<'_>) -> Option<Diagnosis> {
    let (index, hop) = broken_by(case, Leg::Reply)?;
    if !case.role(hop).is_some_and(Role::in_container) || hop.way != Direction::Egress {
        return None;
    }
    let stopped = matches!(case.task_state, Some(TaskActivity::Stopped { .. }));
    let state = case.task_state.map(|s| {
        let task = case.timeline.task.as_deref().unwrap_or("the task");
        format!("{task} was {}", s.describe())
    });
    // A packet filter resets without the report: only a socket's owner has it sent.
    let sent = sent_by_socket(case, hop);
    let (assurance, state) = match (sent, state) {
        (Some(sent), Some(state)) if stopped => (sent.and(ReadFrom::Docker, state).into(), None),
        (Some(sent), state) => (sent.proves_if(!stopped), state),
        (None, state) => (Assurance::Likely, state),
    };
    let logs = case
        .timeline
        .service
        .as_ref()
        .map(|s| format!("docker service logs --since 10m {}", quoted(s)));
    let count = within(
        case,
        &hop.node,
        hop.netns,
        "nstat -asz TcpExtTCPAbortOnClose TcpExtTCPAbortOnData",
    );
    Some(
        at_hop(failure, assurance, case, index)
            .because(format!("first seen leaving the task: {}", seen(case, hop)))
            .because_of(state)
            .confirm_all(logs)
            .confirm_all(count),
    )
}

pub(super) fn client(case: &Case<'_>) -> Option<Diagnosis> {
    let (index, hop) = broken_by(case, Leg::Forward)?;
    let part = case.role(hop)?;
    let from_afar = hop.way == Direction::Ingress
        && (part == Role::Vxlan || part == Role::Underlay && hop.vxlan.is_some());
    let enters = match part {
        _ if from_afar => true,
        Role::Underlay => hop.way == Direction::Ingress,
        Role::TaskOverlay | Role::TaskGateway | Role::TaskLocal => hop.way == Direction::Egress,
        Role::GatewayBridge => hop.way == Direction::Egress && index_is_first(case, hop),
        _ => false,
    };
    let mistranslated = super::untranslated::is_mistranslated(case);
    if !enters || mistranslated {
        return None;
    }
    let unseen = !case.answered() && !case.hops().any(|(_, h)| h.phase == Phase::Syn);
    let when = match (
        case.answered(),
        case.hops().any(|(_, h)| h.phase == Phase::Request),
    ) {
        (false, _) if unseen => "of a connection whose beginning was not seen",
        (false, _) => "before the handshake was answered",
        (true, false) => "after the handshake, before any data",
        (true, true) => "with data under way",
    };
    // Of a client that is no process of this node, only its packet is known.
    let own = hop.way == Direction::Egress && !unseen;
    let sent = sent_by_socket(case, hop).filter(|_| own);
    let assurance = Assurance::from(sent);
    let client = case.timeline.client.ip();
    let service = case.timeline.service.as_deref().map(quoted);
    let follow = service.map(|s| format!("swarmtrace follow --service {s} --client {client}"));
    Some(
        at_hop(&CLIENT_RESET, assurance, case, index)
            .because(format!("first seen: {}, {when}", seen(case, hop)))
            .because_of(from_afar.then_some("it came from the other node, which may tell more"))
            .confirm_all(follow),
    )
}

/// Where the reset of an open connection by that side was first seen.
fn broken_by<'a>(case: &Case<'a>, side: Leg) -> Option<(usize, &'a Hop)> {
    match case.timeline.state {
        State::Reset { by, leg } if leg == side => {
            case.hop(by).filter(|h| h.leg == side).map(|h| (by, h))
        }
        _ => None,
    }
}

/// The kernel's report that a socket in the hop's namespace sent the reset.
///
/// Relied on: `tcp_send_reset` is traced where the stack resets a connection; a
/// packet filter's `nf_send_reset` is not.
fn sent_by_socket(case: &Case<'_>, hop: &Hop) -> Option<Proof> {
    let sent = case.reset_sent(hop)?;
    let says = match sent.reason() {
        Some(reason) => explained(reason),
        None => format!("the kernel says that {}'s own TCP sent it", sent.namespace),
    };
    Some(Proof::read(ReadFrom::KernelReport, says))
}

/// What the kernel's reason for a reset means.
fn explained(reason: &str) -> String {
    let meaning = match reason {
        "TCP_ABORT_ON_CLOSE" => "closed with unread data",
        "TCP_ABORT_ON_DATA" => "data came after the process had closed",
        "TCP_ABORT_ON_LINGER" => "closed with SO_LINGER set to abort",
        "TCP_ABORT_ON_MEMORY" => "out of memory for sockets",
        "TCP_KEEPALIVE_TIMEOUT" => "keep-alives went unanswered",
        "TCP_DISCONNECT_WITH_DATA" => "disconnected with data unsent",
        "NO_SOCKET" => "the process no longer had the connection",
        _ => return format!("the kernel's reason: {reason}"),
    };
    format!("the kernel's reason: {reason} ({meaning})")
}

fn index_is_first(case: &Case<'_>, hop: &Hop) -> bool {
    case.hop(0).is_some_and(|first| same_device(first, hop))
}

fn same_device(a: &Hop, b: &Hop) -> bool {
    (&a.node, a.at()) == (&b.node, b.at())
}
