//! Answers that get as far as the load balancer and not through it.
//!
//! On the way out IPVS takes the packet over from the sandbox's own delivery;
//! the answer has to be forwarded, and is only with `ip_forward=1`.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::within;
use crate::diagnose::verdict::at_stop;
use crate::failure::{Assurance, Diagnosis, SANDBOX_IP_FORWARD};
use crate::timeline::{Direction, Leg};
use crate::topology::Role;

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.reply_stop().filter(|s| s.hop.leg == Leg::Reply)?;
    let inside = stop.is_at(Role::IngressOverlay, Direction::Ingress)
        || stop.is_at(Role::LoadBalancer, Direction::Ingress);
    if !inside {
        return None;
    }
    let refused = stop
        .drop
        .map(|d| d.is(&["IP_INADDRERRORS"]) || d.at(&["ip_error", "ip_forward"]));
    if refused == Some(false) || refused.is_none() && !stop.silent {
        return None;
    }
    let (node, netns) = (&stop.hop.node, stop.hop.netns);
    Some(
        at_stop(&SANDBOX_IP_FORWARD, Assurance::Likely, case, &stop)
            .confirm_all(within(case, node, netns, "sysctl net.ipv4.ip_forward"))
            .confirm_all(within(case, node, netns, "iptables -nvL FORWARD")),
    )
}
