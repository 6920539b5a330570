//! What was found: each feature's state, and each program as the kernel loaded it.

use super::Id;
use crate::capture::LoadedProgram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Whether a feature is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is there.
    Ok,
    /// It is not there.
    Missing,
    /// It could not be found out.
    Unknown,
}

/// A feature and its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Feature {
    /// Which.
    pub id: Id,
    /// Whether it is there.
    pub state: State,
    /// Whether nothing can be traced without it.
    pub needed: bool,
    /// What was found, or why it is missing or unknown.
    pub what: String,
    /// What is lost, if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<Cow<'static, str>>,
    /// How to get it, if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub get: Option<Cow<'static, str>>,
}

impl Feature {
    /// The feature is there; `what` was found.
    pub fn ok(id: Id, what: impl Into<String>) -> Self {
        Self {
            id,
            state: State::Ok,
            needed: id.is_needed(),
            what: what.into(),
            lost: None,
            get: None,
        }
    }

    /// The feature is missing, and why.
    pub fn missing(id: Id, why: impl Into<String>) -> Self {
        Self {
            state: State::Missing,
            lost: Some(Cow::Borrowed(id.lost())),
            get: Some(Cow::Borrowed(id.get())),
            ..Self::ok(id, why)
        }
    }

    /// Whether the feature is there is not known, and why.
    pub fn unknown(id: Id, why: impl Into<String>) -> Self {
        Self {
            state: State::Unknown,
            ..Self::ok(id, why)
        }
    }
}

/// What works here and what does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// swarmtrace's own version.
    pub swarmtrace: Cow<'static, str>,
    /// The running kernel, as `uname -r` prints it.
    pub kernel: String,
    /// Whether anything can be traced.
    pub works: bool,
    /// Why nothing can be.
    pub why_not: Option<String>,
    /// Every feature, in the order of [`Id::ALL`].
    pub features: Vec<Feature>,
    /// Every program, by name; empty if none was loaded.
    pub programs: Vec<LoadedProgram>,
    /// How long the kernel took to load them all, in milliseconds.
    pub load_ms: Option<u64>,
}

impl Report {
    /// Assembles the report, and decides whether tracing works: every needed feature must
    /// be there. The first that is not is the reason.
    pub fn new(
        kernel: String,
        features: Vec<Feature>,
        programs: Vec<LoadedProgram>,
        load_ms: Option<u64>,
    ) -> Self {
        let bad = features.iter().find(|f| f.needed && f.state != State::Ok);
        let why_not = bad.map(|f| format!("{}: {}; {}", f.id.name(), f.what, f.id.get()));
        Self {
            swarmtrace: Cow::Borrowed(env!("CARGO_PKG_VERSION")),
            kernel,
            works: why_not.is_none(),
            why_not,
            features,
            programs,
            load_ms,
        }
    }

    /// How many features are missing that tracing works without.
    pub fn missing(&self) -> usize {
        let missing = |f: &&Feature| f.state == State::Missing && !f.needed;
        self.features.iter().filter(missing).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(features: Vec<Feature>) -> Report {
        Report::new("6.1.0".to_owned(), features, Vec::new(), None)
    }

    #[test]
    fn useful_features_may_be_missing() {
        let features = vec![
            Feature::ok(Id::Rights, "root"),
            Feature::missing(Id::Tcx, "none"),
        ];
        let report = report(features);
        assert!(report.works && report.why_not.is_none());
        assert_eq!(report.missing(), 1);
    }

    #[test]
    fn the_first_needed_feature_that_is_missing_is_the_reason() {
        let features = vec![
            Feature::missing(Id::Rights, "not root"),
            Feature::unknown(Id::Programs, "not loaded"),
            Feature::missing(Id::Docker, "no socket"),
        ];
        let report = report(features);
        assert!(!report.works);
        let why = report.why_not.clone().unwrap();
        assert!(why.starts_with("rights: not root; "), "{why}");
        assert!(why.contains("sudo swarmtrace"), "{why}");
        assert_eq!(report.missing(), 1);
    }

    #[test]
    fn json_has_losses_only_of_missing_features() {
        let features = vec![
            Feature::ok(Id::Btf, "types"),
            Feature::missing(Id::Tcx, "none"),
        ];
        let json = serde_json::to_value(report(features)).unwrap();
        assert_eq!(json["works"], true);
        assert_eq!(json["features"][0]["id"], "btf");
        assert_eq!(json["features"][0]["state"], "ok");
        assert!(json["features"][0].get("lost").is_none());
        assert_eq!(json["features"][1]["state"], "missing");
        assert_eq!(json["features"][1]["get"], Id::Tcx.get());
    }
}
