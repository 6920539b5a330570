//! What doctor says in the end.

use super::Id;
use crate::topology::Service;
use serde::Serialize;

/// How bad a finding is; the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing fails by it alone.
    Note,
    /// Fails under conditions that were not examined, or may soon.
    Risky,
    /// Connections fail because of it.
    Broken,
}

/// A difference between what should be and what is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Which kind of finding.
    pub id: Id,
    /// How bad.
    pub severity: Severity,
    /// Name of the check that found it.
    pub check: &'static str,
    /// What is wrong, in one line.
    pub what: String,
    /// Where.
    #[serde(rename = "where")]
    pub place: Place,
    /// What fails because of it.
    pub why: String,
    /// Reports of the same: `moby#52661`.
    pub issues: &'static [&'static str],
    /// A command that shows it.
    pub confirm: String,
    /// What to do.
    pub fix: String,
}

/// Where something is wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Place {
    /// Namespace's name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Device in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Docker's network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Service that suffers; none where all do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The other node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

impl Place {
    /// In that namespace.
    pub fn namespace(name: &str) -> Self {
        Self {
            namespace: Some(name.to_owned()),
            ..Self::default()
        }
    }

    /// On this device of it.
    pub fn device(mut self, name: &str) -> Self {
        self.device = Some(name.to_owned());
        self
    }

    /// On this network.
    pub fn network(mut self, name: &str) -> Self {
        self.network = Some(name.to_owned());
        self
    }

    /// Of this service.
    pub fn service(mut self, name: &str) -> Self {
        self.service = Some(name.to_owned());
        self
    }

    /// Towards that node.
    pub fn node(mut self, name: &str) -> Self {
        self.node = Some(name.to_owned());
        self
    }
}

/// What could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotChecked {
    /// The checks' subjects.
    pub what: Vec<&'static str>,
    /// In which namespace, where it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Why.
    pub why: String,
}

/// The whole answer.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// This node.
    pub node: String,
    /// Docker's version; empty where it did not answer.
    pub docker: String,
    /// Worst first.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub not_checked: Vec<NotChecked>,
    /// Number of checks.
    pub checks: usize,
    /// Namespaces looked into.
    pub namespaces: usize,
}

impl Report {
    /// Leaves out what concerns other services, or networks that this one is
    /// not on. What is the whole node's stays.
    pub fn only(&mut self, service: &Service, networks: &[&str]) {
        self.findings.retain(|f| {
            let other = |of: &Option<String>, ours: &dyn Fn(&str) -> bool| {
                of.as_deref().is_some_and(|name| !ours(name))
            };
            !other(&f.place.service, &|name| name == service.name)
                && !other(&f.place.network, &|name| networks.contains(&name))
        });
    }

    /// Findings of that severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|f| f.severity == severity)
            .count()
    }
}
