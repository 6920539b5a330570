//! A failure that was diagnosed: which, where, how sure and on what evidence.

use super::certainty::Certainty;
use super::entry::Failure;
use super::id::FailureId;
use super::location::{Location, PathPosition};
use super::proof::{Assurance, StateRead};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A failure that was diagnosed: a verdict on a flow, or a finding of doctor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosis {
    /// The failure's stable name: `ipvs-no-destination`.
    pub id: FailureId,
    /// What went wrong, in one line.
    pub title: String,
    /// How sure that is.
    certainty: Certainty,
    /// Where on the flow's path, of a verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop: Option<PathPosition>,
    /// Where in the node's network, of a finding.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// What was seen or read that shows it, a line each.
    pub evidence: Vec<String>,
    /// The state that was read and that speaks for it; never empty if it is
    /// proven.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    read: Vec<StateRead>,
    /// Commands that show it, ready to run.
    pub confirm: Vec<String>,
    /// How to repair it.
    pub fix: String,
    /// Upstream issues: `moby#52661`.
    pub references: Vec<String>,
}

impl Diagnosis {
    /// A diagnosis of `failure`, with its own fix and references, no place yet, and
    /// what was read as its evidence.
    pub fn new(failure: &Failure, assurance: impl Into<Assurance>) -> Self {
        let (certainty, read) = match assurance.into() {
            Assurance::Proven(proof) => (Certainty::Proven, proof.into_read()),
            Assurance::Supported(proof) => (Certainty::Likely, proof.into_read()),
            Assurance::Likely => (Certainty::Likely, Vec::new()),
            Assurance::Unknown => (Certainty::Unknown, Vec::new()),
        };
        Self {
            id: failure.id.clone(),
            title: failure.title.to_owned(),
            certainty,
            hop: None,
            location: None,
            evidence: read.iter().map(|r| r.says.clone()).collect(),
            read,
            confirm: Vec::new(),
            fix: failure.fix.to_owned(),
            references: failure.references.iter().map(|&r| r.to_owned()).collect(),
        }
    }

    /// How sure it is.
    pub fn certainty(&self) -> Certainty {
        self.certainty
    }

    /// The state that was read and that speaks for it.
    pub fn read(&self) -> &[StateRead] {
        &self.read
    }

    /// Lowers a proven diagnosis to a likely one, with the reason as evidence.
    #[must_use]
    pub fn doubt(mut self, why: impl Into<String>) -> Self {
        self.certainty = self.certainty.min(Certainty::Likely);
        self.because(why)
    }

    /// Adds a line of evidence.
    #[must_use]
    pub fn because(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    /// Adds a line of evidence if there is one.
    #[must_use]
    pub fn because_of<E: Into<String>>(mut self, evidence: Option<E>) -> Self {
        self.evidence.extend(evidence.map(Into::into));
        self
    }

    /// Adds a command that shows the failure.
    #[must_use]
    pub fn confirm(mut self, command: impl Into<String>) -> Self {
        self.confirm.push(command.into());
        self
    }

    /// Adds commands that show the failure.
    #[must_use]
    pub fn confirm_all(mut self, commands: impl IntoIterator<Item = String>) -> Self {
        self.confirm.extend(commands);
        self
    }

    /// Replaces the failure's fix with one that fits this case better.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }
}
