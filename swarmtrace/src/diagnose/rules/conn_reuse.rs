//! IPVS swallows the first SYN of a connection that reuses a recent one's port.
//!
//! With `net.ipv4.vs.conn_reuse_mode=1` and conntrack on, IPVS drops the SYN to
//! make the old conntrack entry expire and counts on the client to send it
//! again a second later. The same SYN is then seen going into the sandbox
//! twice and coming out once.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::in_balancer;
use crate::diagnose::verdict::at_hop;
use crate::diagnose::words::{dropped, name};
use crate::failure::{Assurance, Diagnosis, IPVS_CONN_REUSE};
use crate::timeline::{Direction, Hop, Leg, Phase};
use crate::topology::Role;

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    let (index, swallowed) = case.hops().find(|(_, h)| is_swallowed(case, h))?;
    let drop = case.drop_where(|d| {
        d.node == *swallowed.node && d.netns == swallowed.netns && d.by_netfilter()
    });
    let part = case.role(swallowed)?;
    let out = if part == Role::LoadBalancer {
        part
    } else {
        Role::IngressOverlay
    };
    if drop.is_none() && !(case.complete() && case.watched(&swallowed.node, out, Direction::Egress))
    {
        return None;
    }
    let again = case.hops().find(|(_, h)| {
        same_place(h, swallowed) && h.phase == Phase::Syn && h.attempt == swallowed.attempt + 1
    });
    let wait = again.map(|(_, h)| {
        let ms = h.time_ns.since(swallowed.time_ns).unsigned() / 1_000_000;
        format!("the same SYN came again {ms} ms later and passed")
    });
    Some(
        at_hop(&IPVS_CONN_REUSE, Assurance::Likely, case, index)
            .because(format!(
                "SYN {} seen at {}, not leaving it",
                swallowed.attempt,
                name(case, swallowed)
            ))
            .because_of(wait)
            .because_of(drop.map(dropped))
            .confirm_all(in_balancer(
                case,
                "sysctl net.ipv4.vs.conn_reuse_mode net.ipv4.vs.conntrack",
            ))
            .confirm_all(in_balancer(case, "ipvsadm -Lnc")),
    )
}

/// Whether that SYN went into the load balancer, did not come out, and a later
/// one did.
fn is_swallowed(case: &Case<'_>, hop: &Hop) -> bool {
    let entered = hop.leg == Leg::Forward
        && hop.way == Direction::Ingress
        && hop.phase == Phase::Syn
        && matches!(
            case.role(hop),
            Some(Role::IngressGateway | Role::LoadBalancer)
        );
    let left = |fits: &dyn Fn(u32) -> bool| {
        case.hops().any(|(_, h)| {
            h.leg == Leg::Forward
                && h.phase == Phase::Syn
                && h.way == Direction::Egress
                && (&h.node, h.netns) == (&hop.node, hop.netns)
                && fits(h.attempt)
        })
    };
    entered && left(&|a| a > hop.attempt) && !left(&|a| a == hop.attempt)
}

fn same_place(a: &Hop, b: &Hop) -> bool {
    (&a.node, a.at(), a.way, a.leg) == (&b.node, b.at(), b.way, b.leg)
}
