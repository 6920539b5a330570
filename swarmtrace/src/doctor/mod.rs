//! `swarmtrace doctor`: does the kernel have what Docker says it should?
//!
//! Most of what breaks a Swarm's network leaves a mark that needs no traffic to
//! be seen: a rule that is gone, a load balancer without a destination, a
//! forwarding entry that points to the wrong node. Each check compares one such
//! thing and is a pure function of [`Examined`]; [`checks::ALL`] lists them.
//!
//! Rules are not searched for by their text: a packet is sent through them on
//! paper ([`facts::walk`]), so that it does not matter which version of Docker
//! wrote them, and what somebody else's rules do to it is seen as well.
//!
//! A Swarm is never still. What is found is looked at a second time a few
//! seconds later, and only what is still so is reported.

pub mod checks;
pub mod facts;
mod finding;
#[cfg(test)]
mod fixtures;
mod id;
pub mod swarm;

pub use facts::Facts;
pub use finding::{Finding, NotChecked, Place, Report, Severity};
pub use id::Id;

use crate::topology::{ReadError, Reader, Topology};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long after the first look the second one is taken: longer than Docker
/// takes to carry a task's start or end into every namespace.
const SECOND_LOOK: Duration = Duration::from_secs(3);

/// All that the checks see.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    /// The snapshot.
    pub topology: Topology,
    /// What the kernel says beyond it.
    pub facts: Facts,
}

/// What a check depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Docker's answers.
    Docker,
    /// Namespaces, devices, IPVS tables, neighbour and forwarding entries.
    Kernel,
    /// iptables' rules.
    Rules,
    /// Kernel settings.
    Sysctls,
    /// Listening sockets and their processes.
    Sockets,
    /// Kernel modules.
    Modules,
    /// Drivers and offloads.
    Nics,
    /// Routes to other nodes.
    Routes,
    /// Security associations.
    Encryption,
}

/// A check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its name in JSON.
    pub name: &'static str,
    /// What it looks at, as in "not checked: …".
    pub subject: &'static str,
    /// What it depends on; each also needs [`Need::Kernel`].
    pub needs: &'static [Need],
    /// Looks.
    pub run: fn(&Examined) -> Vec<Finding>,
}

impl Examined {
    /// Looks at this node.
    pub async fn read(reader: &mut Reader) -> Result<Self, ReadError> {
        let topology = reader.read().await?;
        let read = move || {
            let facts = Facts::read(&topology);
            Self { topology, facts }
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(examined) => Ok(examined),
            Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
        }
    }

    /// Runs every check; worst first.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = (checks::ALL.iter())
            .flat_map(|check| {
                let mut found = (check.run)(self);
                for finding in &mut found {
                    finding.check = check.name;
                }
                found
            })
            .collect();
        findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
        findings
    }

    /// What the checks could not look at.
    pub fn not_checked(&self) -> Vec<NotChecked> {
        let mut gaps: BTreeMap<(Option<String>, String), Vec<&str>> = BTreeMap::new();
        let mut add = |need: Need, namespace: Option<String>, why: String| {
            let subjects = gaps.entry((namespace, why)).or_default();
            for check in checks::ALL {
                if (need == Need::Kernel || check.needs.contains(&need))
                    && !subjects.contains(&check.subject)
                {
                    subjects.push(check.subject);
                }
            }
        };
        for gap in &self.facts.gaps {
            add(gap.need, gap.namespace.clone(), gap.why.clone());
        }
        for why in &self.topology.gaps {
            let need = match self.topology.docker {
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

    /// The rules of a namespace, where they were read.
    pub fn rules(&self, namespace: &crate::topology::Namespace) -> Option<&facts::Rules> {
        self.facts.namespaces.get(&namespace.inode)?.rules.as_ref()
    }

    /// A kernel setting of a namespace, where the kernel has it.
    pub fn sysctl(&self, namespace: &crate::topology::Namespace, name: &str) -> Option<&str> {
        let facts = self.facts.namespaces.get(&namespace.inode)?;
        facts.sysctls.get(name).map(String::as_str)
    }

    fn report(&self, findings: Vec<Finding>) -> Report {
        let docker = self.topology.docker.as_ref();
        Report {
            node: self.topology.hostname.clone(),
            docker: docker.map(|d| d.version.clone()).unwrap_or_default(),
            findings,
            not_checked: self.not_checked(),
            checks: checks::ALL.len(),
            namespaces: self.facts.namespaces.len(),
        }
    }
}

/// Examines this node. What is found must be found twice.
pub async fn examine() -> Result<(Topology, Report), ReadError> {
    let mut reader = Reader::default();
    let mut examined = Examined::read(&mut reader).await?;
    let mut findings = examined.findings();
    if !findings.is_empty() {
        tokio::time::sleep(SECOND_LOOK).await;
        examined = Examined::read(&mut reader).await?;
        let again = examined.findings();
        findings.retain(|f| again.contains(f));
    }
    let report = examined.report(findings);
    Ok((examined.topology, report))
}
