//! `swarmtrace-baseline`: earlier runs, which `check` compares with.

use super::record::{Format, Record};
use crate::timeline::Measure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Earlier runs: several show how much runs differ by themselves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    /// The runs, oldest first.
    pub runs: Vec<BaselineRun>,
}

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineRun {
    /// When it was done, seconds since the Unix epoch.
    pub taken: u64,
    /// Version of swarmtrace.
    pub swarmtrace: String,
    /// Release of the kernel; empty for a recording.
    pub kernel: String,
    /// Architecture of the machine; empty for a recording.
    pub machine: String,
    /// The command line, without the arguments of a traced command.
    pub command_line: String,
    /// Names of the nodes that were traced.
    pub nodes: Vec<String>,
    /// Connections seen.
    pub connections: u64,
    /// Every measure of every backend.
    pub measures: Vec<BaselineMeasure>,
}

/// One measure of one backend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineMeasure {
    /// The service.
    pub service: String,
    /// The backend.
    pub backend: String,
    /// What was measured.
    #[serde(flatten)]
    pub measure: Measure,
    /// Histograms in HdrHistogram's V2 encoding and Base64, one for each stretch of
    /// the run.
    pub histograms: Vec<String>,
}

impl Record for Baseline {
    const FORMAT: Format = Format {
        name: "swarmtrace-baseline",
        written_by: "check --save-baseline",
        read_by: "check --baseline, check --save-baseline",
        changes: &["First version."],
    };
}
