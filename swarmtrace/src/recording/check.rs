//! `swarmtrace-check`: the report of `check`.

use super::record::{Format, Record};
use crate::sys::clock::Nanos;
use crate::timeline::Measure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The outcome of an assertion, a comparison, or the whole check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It was measured and does not hold.
    Regression,
    /// It could not be measured.
    Unmeasured,
    /// It does not apply to these connections.
    Skipped,
}

impl Outcome {
    /// The exit code of a check with this outcome.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Regression => 1,
            Self::Unmeasured | Self::Skipped => 2,
        }
    }
}

/// What a measured figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Unit {
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// A number of connections, packets or events.
    #[serde(rename = "count")]
    Count,
    /// Percent of the connections; for `lost`, of the events.
    #[serde(rename = "%")]
    Percent,
    /// Nothing was measured.
    #[serde(rename = "")]
    None,
}

/// One assertion, judged over some connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AssertionResult {
    /// The assertion as the user wrote it.
    pub assertion: String,
    /// The service whose connections were judged; null for all services together.
    pub service: Option<String>,
    /// The backend whose connections were judged; null for all backends together.
    pub backend: Option<String>,
    /// The figure, in `unit`; null where it could not be measured.
    pub measured: Option<f64>,
    /// The figure's unit.
    pub unit: Unit,
    /// How many times, connections or events the figure rests on.
    pub samples: u64,
    /// The outcome.
    pub outcome: Outcome,
    /// Why it could not be measured or does not count.
    pub why: Option<String>,
}

/// The figures of some times, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// How many times there are.
    pub count: u64,
    /// The median.
    #[schemars(with = "u64")]
    pub p50_ns: Nanos,
    /// The 90th percentile.
    #[schemars(with = "u64")]
    pub p90_ns: Nanos,
    /// The 99th percentile.
    #[schemars(with = "u64")]
    pub p99_ns: Nanos,
}

/// One measure of one backend, compared with the baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The service.
    pub service: String,
    /// The backend.
    pub backend: String,
    /// What was measured.
    #[serde(flatten)]
    pub measure: Measure,
    /// All runs of the baseline together.
    pub before: Option<Figures>,
    /// This run.
    pub now: Option<Figures>,
    /// The relative change: of the median, or of the 90th percentile where only
    /// that changed. 0.2 is 20 % longer.
    pub change: Option<f64>,
    /// The same change in nanoseconds.
    #[schemars(with = "Option<i64>")]
    pub change_ns: Option<Nanos>,
    /// The relative change of the median that another run of the baseline may show.
    pub noise: Option<f64>,
    /// The probability of times so much longer by chance, corrected for the number
    /// of comparisons.
    pub p: Option<f64>,
    /// The outcome.
    pub outcome: Outcome,
    /// Whether it got faster, by the same tests.
    pub faster: bool,
    /// Why it could not be compared.
    pub why: Option<String>,
}

/// A measure that got slower.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slower {
    /// What was measured.
    #[serde(flatten)]
    pub measure: Measure,
    /// The backends that it got slower for.
    pub backends: Vec<String>,
    /// The largest relative change among them: 0.2 is 20 % longer.
    pub change: f64,
    /// The same change in nanoseconds.
    #[schemars(with = "i64")]
    pub change_ns: Nanos,
}

/// The trace that was checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunSummary {
    /// Names of the nodes that were traced.
    pub nodes: Vec<String>,
    /// When the check was done, seconds since the Unix epoch.
    pub taken: u64,
    /// How long the trace took, in seconds.
    pub seconds: f64,
    /// Connections seen to their end, or to their answer.
    pub connections: u64,
    /// Connections that were still under way when the trace ended.
    pub unfinished: u64,
    /// Events reported by the kernel side.
    pub events: u64,
    /// Events lost between kernel and user space; null where they were not counted.
    pub lost: Option<u64>,
    /// What could not be seen, a line each.
    pub gaps: Vec<String>,
    /// What keeps the trace from proving anything, a line each.
    pub problems: Vec<String>,
}

/// The report of a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckReport {
    /// The outcome of the whole check.
    pub outcome: Outcome,
    /// The exit code of the process: 0, 1 or 2.
    pub exit_code: u8,
    /// The trace.
    pub run: RunSummary,
    /// Every assertion, for each group of connections that it is about.
    pub assertions: Vec<AssertionResult>,
    /// Every comparison with the baseline.
    pub comparisons: Vec<Comparison>,
    /// What got slower: the hop that costs most first.
    pub slower: Vec<Slower>,
    /// Remarks, a line each.
    pub notes: Vec<String>,
}

impl Record for CheckReport {
    const FORMAT: Format = Format {
        name: "swarmtrace-check",
        written_by: "check",
        read_by: "",
        changes: &["First version."],
    };
}
