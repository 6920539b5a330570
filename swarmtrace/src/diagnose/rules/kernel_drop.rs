//! A drop that the kernel reports and no other rule explains.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::within;
use crate::diagnose::verdict::at_stop;
use crate::failure::{Assurance, Diagnosis, KERNEL_DROP};

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.stop().filter(|_| case.failing())?;
    let drop = stop.drop?;
    let rules = drop.by_netfilter();
    let list = |command| within(case, &drop.node, drop.netns, command);
    let verdict = at_stop(&KERNEL_DROP, Assurance::Unknown, case, &stop);
    Some(if rules {
        verdict
            .confirm_all(list("iptables-save -c"))
            .confirm_all(list("nft list ruleset"))
    } else {
        verdict.confirm_all(list("nstat -asz"))
    })
}
