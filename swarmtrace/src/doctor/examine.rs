//! Examining a node: every check, run twice.

use super::checks;
use super::examination::{Examination, NotChecked};
use super::examined::Examined;
use super::finding::Finding;
use super::need::Need;
use crate::topology::{ReadError, Reader, Topology};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long after the first reading the second one is taken: longer than Docker
/// takes to carry a task's start or end into every namespace.
const SECOND_READING: Duration = Duration::from_secs(3);

/// Examines this node. A difference counts only if both readings have it.
///
/// # Errors
/// If the topology cannot be read.
pub async fn examine() -> Result<(Topology, Examination), ReadError> {
    let mut reader = Reader::default();
    let mut examined = Examined::read(&mut reader).await?;
    let mut found = findings(&examined);
    if !found.is_empty() {
        tokio::time::sleep(SECOND_READING).await;
        examined = Examined::read(&mut reader).await?;
        let again = findings(&examined);
        found.retain(|f| again.contains(f));
    }
    let docker = examined.topology.docker.as_ref();
    let examination = Examination {
        node: examined.topology.hostname.clone(),
        docker: docker.map(|d| d.version.clone()).unwrap_or_default(),
        findings: found,
        not_checked: not_checked(&examined),
        checks: checks::ALL.len(),
        namespaces: examined.facts.namespaces.len(),
    };
    Ok((examined.topology, examination))
}

/// What every check finds, worst first.
pub(super) fn findings(examined: &Examined) -> Vec<Finding> {
    let mut findings: Vec<Finding> = (checks::ALL.iter())
        .flat_map(|check| {
            let mut found = (check.run)(examined);
            for finding in &mut found {
                check.name.clone_into(&mut finding.check);
            }
            found
        })
        .collect();
    findings.sort_by_key(|f| Reverse(f.severity));
    findings
}

/// What could not be read, with the checks that are incomplete for it.
pub(super) fn not_checked(examined: &Examined) -> Vec<NotChecked> {
    let mut gaps: BTreeMap<(Option<String>, String), Vec<String>> = BTreeMap::new();
    let mut add = |need: Need, namespace: Option<String>, why: String| {
        let subjects = gaps.entry((namespace, why)).or_default();
        for check in checks::ALL {
            if (need == Need::Kernel || check.needs.contains(&need))
                && !subjects.iter().any(|s| s == check.subject)
            {
                subjects.push(check.subject.to_owned());
            }
        }
    };
    for gap in &examined.facts.gaps {
        add(gap.need, gap.namespace.clone(), gap.why.clone());
    }
    for why in &examined.topology.gaps {
        let need = match examined.topology.docker {
            Some(_) => Need::Kernel,
            None => Need::Docker,
        };
        add(need, None, why.clone());
    }
    (gaps.into_iter())
        .map(|((namespace, why), what)| NotChecked {
            what,
            namespace,
            why,
        })
        .collect()
}
