//! The load balancer has dropped a connection that its ends still hold.
//!
//! IPVS forgets an idle connection after 900 seconds (two minutes after a FIN).
//! The next packet of the connection then goes to the sandbox's own stack, which
//! answers it with a reset.

use crate::diagnose::case::{Case, TaskActivity};
use crate::diagnose::confirm::in_balancer;
use crate::diagnose::verdict::at_hop;
use crate::diagnose::words::{name, seen};
use crate::failure::{Assurance, Diagnosis, IPVS_CONNECTION_FORGOTTEN};
use crate::sys::clock::{Mono, Nanos};
use crate::timeline::{Direction, Gap, Leg, State};
use crate::topology::Role;

const IPVS_IDLE: Nanos = Nanos::from_secs(890);
/// A longer silence is listed as evidence.
const NOTABLE: Nanos = Nanos::from_secs(60);

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    let State::Reset {
        leg: Leg::Reply, ..
    } = case.timeline.state
    else {
        return None;
    };
    let (index, hop) = case.reset_birth()?;
    let leaves = matches!(
        case.role(hop),
        Some(Role::IngressGateway | Role::LoadBalancer)
    );
    if !leaves || (hop.leg, hop.way) != (Leg::Reply, Direction::Egress) {
        return None;
    }
    let idle = idle(case, index);
    let quiet = idle.map(|idle| {
        format!(
            "nothing was seen of it for {} s before",
            idle.duration().as_secs()
        )
    });
    let old = case.timeline.gaps.contains(&Gap::StartNotSeen);
    let stopped = match case.task_state {
        Some(state @ TaskActivity::Stopped { .. }) => {
            Some(format!("its task: {}", state.describe()))
        }
        _ => None,
    };
    let sent = case
        .reset_sent(hop)
        .map(|r| format!("the kernel says {} sent it", r.namespace));
    let long = idle.is_some_and(|idle| idle >= IPVS_IDLE);
    Some(
        at_hop(&IPVS_CONNECTION_FORGOTTEN, Assurance::Likely, case, index)
            .because(format!("first seen: {}", seen(case, hop)))
            .because_of(sent)
            .because_of(quiet.filter(|_| long || idle.is_some_and(|idle| idle > NOTABLE)))
            .because_of(
                old.then(|| format!("opened before the trace; reset at {}", name(case, hop))),
            )
            .because_of(stopped)
            .confirm_all(in_balancer(case, "ipvsadm -L --timeout"))
            .confirm_all(in_balancer(case, "ipvsadm -Lnc")),
    )
}

/// The longest silence before the reset.
fn idle(case: &Case<'_>, reset: usize) -> Option<Nanos> {
    let at = case.hop(reset)?;
    let mut times: Vec<Mono> = (case.hops())
        .filter(|(_, h)| h.node == at.node && h.time_ns <= at.time_ns)
        .map(|(_, h)| h.time_ns)
        .collect();
    times.sort_unstable();
    let longest = times.windows(2).map(|w| w[1].since(w[0]));
    longest.max()
}
