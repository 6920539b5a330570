//! Rules in iptables-legacy and iptables-nft at once.
//!
//! A packet passes both sets. With Docker's rules in one and another program's
//! in the other, the latter are easily overlooked; Docker's in both means that
//! one set is stale.

use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm::command;
use crate::failure::{IPTABLES_MIXTURE, Location, ReadFrom};
use crate::firewall::iptables::Ruleset;
use crate::firewall::{Backend, Firewall};
use crate::topology::Namespace;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    (examined.topology.namespaces.iter())
        .filter_map(|n| mixture(n, examined.rules(n)?))
        .collect()
}

fn mixture(namespace: &Namespace, rules: &Firewall) -> Option<Finding> {
    if rules.sets.len() < 2 {
        return None;
    }
    let docker: Vec<Backend> = (rules.sets.iter())
        .filter(|(_, set)| is_dockers(set))
        .map(|(backend, _)| *backend)
        .collect();
    let (severity, what, why) = match docker.as_slice() {
        [] => return None,
        [one] => (
            Severity::Note,
            format!(
                "rules in iptables-nft and iptables-legacy at once (Docker's are in {})",
                one.name()
            ),
            "A packet must pass both. The command iptables shows only one of them, so that what \
             the other drops seems to vanish.",
        ),
        _ => (
            Severity::Risky,
            "Docker's rules are in iptables-nft and iptables-legacy at once".to_owned(),
            "iptables' backend was switched after Docker had written its rules: one set is stale \
             and still sends packets to where its containers were.",
        ),
    };
    Some(
        Finding::proven(
            &IPTABLES_MIXTURE,
            severity,
            ReadFrom::Firewall,
            format!("{what} in {}", namespace.name),
            Location::namespace(&namespace.name),
        )
        .why(why)
        .confirm(command(
            namespace,
            "sh -c 'iptables-nft-save; iptables-legacy-save'",
        ))
        .fix(
            "Choose one (update-alternatives --config iptables), flush the other one's rules, \
              restart the node.",
        ),
    )
}

fn is_dockers(set: &Ruleset) -> bool {
    let chains = set.tables.values().flat_map(|t| t.keys());
    let marks = set.rules("mangle").any(|(_, r)| r.text.contains("-j MARK"));
    chains.into_iter().any(|c| c.starts_with("DOCKER")) || marks
}
