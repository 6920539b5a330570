//! The result of an examination: findings, and what could not be checked.

use super::finding::{Finding, Severity};
use crate::topology::Service;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// All that `swarmtrace doctor` says of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Examination {
    /// Name of the node.
    pub node: String,
    /// Docker's version; empty where it did not answer.
    pub docker: String,
    /// The findings, worst first.
    pub findings: Vec<Finding>,
    /// What could not be read, and which checks are incomplete for it.
    pub not_checked: Vec<NotChecked>,
    /// Number of checks.
    pub checks: usize,
    /// Number of namespaces whose rules and settings were read.
    pub namespaces: usize,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct NotChecked {
    /// Subjects of the checks that are incomplete.
    pub what: Vec<String>,
    /// The namespace, where only one could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Why.
    pub why: String,
}

impl Examination {
    /// Drops the findings that concern other services, or networks that this
    /// service is not on. What concerns the whole node stays.
    pub fn only(&mut self, service: &Service, networks: &[&str]) {
        self.findings.retain(|f| {
            let Some(location) = f.location() else {
                return true;
            };
            let other = |of: &Option<String>, ours: &dyn Fn(&str) -> bool| {
                of.as_deref().is_some_and(|name| !ours(name))
            };
            !other(&location.service, &|name| name == service.name)
                && !other(&location.network, &|name| networks.contains(&name))
        });
    }

    /// Number of findings of that severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|f| f.severity == severity)
            .count()
    }
}
