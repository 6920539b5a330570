//! A failure that doctor found.

use crate::failure::{Assurance, Diagnosis, Failure, Location, Proof, ReadFrom, former_ids};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bad a finding is; the worst is the greatest. How sure it is says its
/// [`Certainty`](crate::failure::Certainty).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing fails by it alone.
    Note,
    /// Fails under conditions that were not examined, or may soon.
    Risky,
    /// Connections fail because of it.
    Broken,
}

/// A difference between what Docker says and what the kernel has, diagnosed.
///
/// The first line of the diagnosis' evidence says what differs, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The failure, where it is, what shows it and what repairs it.
    #[serde(flatten)]
    pub diagnosis: Diagnosis,
    /// How bad it is.
    pub severity: Severity,
    /// Name of the check that found it.
    pub check: String,
    /// What fails because of it.
    pub why: String,
    /// Ids that the failure had in the release before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_ids: Vec<String>,
}

impl Finding {
    /// A finding of `failure` that is proven by what was read. `what` says what
    /// differs, by name.
    pub fn proven(
        failure: &Failure,
        severity: Severity,
        from: ReadFrom,
        what: impl Into<String>,
        location: Location,
    ) -> Self {
        let diagnosis = Diagnosis::new(failure, Proof::read(from, what));
        Self::of(failure, diagnosis, severity, location)
    }

    /// A finding of `failure` whose cause was not read, or not all of it.
    pub fn likely(
        failure: &Failure,
        severity: Severity,
        what: impl Into<String>,
        location: Location,
    ) -> Self {
        let diagnosis = Diagnosis::new(failure, Assurance::Likely).because(what);
        Self::of(failure, diagnosis, severity, location)
    }

    /// A finding of something that could not be evaluated.
    pub fn unknown(
        failure: &Failure,
        severity: Severity,
        what: impl Into<String>,
        location: Location,
    ) -> Self {
        let diagnosis = Diagnosis::new(failure, Assurance::Unknown).because(what);
        Self::of(failure, diagnosis, severity, location)
    }

    fn of(
        failure: &Failure,
        mut diagnosis: Diagnosis,
        severity: Severity,
        location: Location,
    ) -> Self {
        diagnosis.location = Some(location);
        Self {
            former_ids: former_ids(failure.id.as_str()).map(str::to_owned).collect(),
            diagnosis,
            severity,
            check: String::new(),
            why: String::new(),
        }
    }

    /// Says what fails because of it.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// Adds a command that shows it.
    #[must_use]
    pub fn confirm(mut self, command: impl Into<String>) -> Self {
        self.diagnosis.confirm.push(command.into());
        self
    }

    /// Adds commands that show it.
    #[must_use]
    pub fn confirm_all(mut self, commands: impl IntoIterator<Item = String>) -> Self {
        self.diagnosis.confirm.extend(commands);
        self
    }

    /// Says how to repair it, better than the failure's own fix.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.diagnosis.fix = fix.into();
        self
    }

    /// What differs, in one line.
    pub fn what(&self) -> &str {
        self.diagnosis.evidence.first().map_or("", String::as_str)
    }

    /// Where it is.
    pub fn location(&self) -> Option<&Location> {
        self.diagnosis.location.as_ref()
    }
}
