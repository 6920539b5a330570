//! A drop that the kernel reports and no rule knows better.

use super::Rule;
use crate::diagnose::case::Case;
use crate::diagnose::confirm::within;
use crate::diagnose::verdict::{Certainty, Verdict};

pub(super) const RULE: Rule = Rule {
    id: "kernel-drop",
    title: "The kernel dropped the packet",
    symptom: "Connections hang or are slow to open.",
    cause: "The kernel gives the reason and the function; see the evidence. NETFILTER_DROP is a \
            firewall rule or a full conntrack table.",
    needs: "Proven: a drop of this flow at or after its last hop. Why is as the kernel says.",
    fix: "Follow the reason: for NETFILTER_DROP, list the rules of the namespace named and look \
          in dmesg for \"nf_conntrack: table full\"; for others, the function named.",
    references: &["moby#40374"],
    fallback: true,
    judge,
};

fn judge(case: &Case<'_>) -> Option<Verdict> {
    let stop = case.stop().filter(|_| case.failing())?;
    let drop = stop.drop?;
    let rules = drop.by_netfilter();
    let list = |command| within(case, &drop.node, drop.netns, command);
    let verdict = Verdict::stopped(&RULE, Certainty::Proven, case, &stop);
    Some(if rules {
        verdict
            .confirm_all(list("iptables-save -c"))
            .confirm_all(list("nft list ruleset"))
    } else {
        verdict.confirm_all(list("nstat -asz"))
    })
}
