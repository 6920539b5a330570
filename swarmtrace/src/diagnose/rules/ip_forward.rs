//! Answers that get as far as the load balancer and not through it.
//!
//! On the way out IPVS takes the packet over from the sandbox's own delivery;
//! the answer has to be forwarded, and is only with ip_forward=1.

use super::Rule;
use crate::diagnose::case::Case;
use crate::diagnose::confirm::within;
use crate::diagnose::verdict::{Certainty, Verdict};
use crate::timeline::{Leg, Way};
use crate::topology::Role;

pub(super) const RULE: Rule = Rule {
    id: "sandbox-ip-forward",
    title: "The load balancer does not pass answers back: ip_forward is off in its sandbox",
    symptom: "Every connection through one node hangs, though the task answers each.",
    cause: "net.ipv4.ip_forward=0 in ingress_sbox (or lb_…): a hardening script, or a sandbox \
            that was set up while the node had it off.",
    needs: "Proven: the answer came into the sandbox, and the kernel dropped it there as not \
            forwardable (IP_INADDRERRORS, ip_error). Likely: it was not seen to leave, which was \
            watched without a loss.",
    fix: "sysctl -w net.ipv4.ip_forward=1 in the sandbox, and in the node's sysctl.d so that new \
          sandboxes inherit it.",
    references: &[],
    fallback: false,
    judge,
};

fn judge(case: &Case<'_>) -> Option<Verdict> {
    let stop = case.reply_stop().filter(|s| s.hop.leg == Leg::Reply)?;
    let inside =
        stop.is_at(Role::IngressOverlay, Way::In) || stop.is_at(Role::LoadBalancer, Way::In);
    if !inside {
        return None;
    }
    let refused = stop
        .drop
        .map(|d| d.is(&["IP_INADDRERRORS"]) || d.at(&["ip_error", "ip_forward"]));
    let certainty = match refused {
        Some(true) => Certainty::Proven,
        None if stop.silent => Certainty::Likely,
        _ => return None,
    };
    let (node, netns) = (&stop.hop.node, stop.hop.netns);
    Some(
        Verdict::stopped(&RULE, certainty, case, &stop)
            .confirm_all(within(case, node, netns, "sysctl net.ipv4.ip_forward"))
            .confirm_all(within(case, node, netns, "iptables -nvL FORWARD")),
    )
}
