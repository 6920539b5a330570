//! Docker's own filter inside the task: on the ingress network only published
//! ports are let in.

use super::Rule;
use crate::diagnose::case::Case;
use crate::diagnose::confirm::within;
use crate::diagnose::verdict::{Certainty, Verdict, dropped};
use crate::topology::NamespaceKind;

pub(super) const RULE: Rule = Rule {
    id: "task-firewall",
    title: "The firewall in the task's namespace drops the packet",
    symptom: "One port of a task is silent over the ingress network, though the process listens.",
    cause: "Docker lets only published ports in on the ingress network; the port is not (or no \
            longer) published, or the rules in the task's namespace are stale or somebody \
            else's.",
    needs: "Proven: a netfilter drop in the task's namespace.",
    fix: "Publish the port (docker service update --publish-add), or reach the task over an \
          overlay network of your own instead of ingress; if it is published, replace the task \
          (docker service update --force).",
    references: &[],
    fallback: false,
    judge,
};

fn judge(case: &Case<'_>) -> Option<Verdict> {
    if !case.failing() {
        return None;
    }
    let inside = |d: &crate::diagnose::case::Drop| {
        d.by_netfilter() && matches!(case.drop_place(d), Some(NamespaceKind::Container { .. }))
    };
    let drop = case.drop_where(inside)?;
    let verdict = match case.stop() {
        Some(stop) => {
            let known = stop.drop == Some(drop);
            let verdict = Verdict::stopped(&RULE, Certainty::Proven, case, &stop);
            verdict.because_of((!known).then(|| dropped(drop)))
        }
        None => {
            let last = case.timeline.hops.len().checked_sub(1)?;
            Verdict::new(&RULE, Certainty::Proven, case, last).because(dropped(drop))
        }
    };
    let list = |command| within(case, &drop.node, drop.netns, command);
    Some(
        verdict
            .confirm_all(list("iptables -nvL"))
            .confirm_all(list("iptables -t nat -nvL PREROUTING")),
    )
}
