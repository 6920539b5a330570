//! `swarmtrace-summary`: the figures of a trace, its last line.

use super::record::{Format, Record};
use crate::timeline::Latency;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The figures of a trace: whether its timelines are all that there was. A file
/// without this line was cut short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Name of the node.
    #[serde(default)]
    pub node: String,
    /// Connections printed.
    #[serde(default)]
    pub connections: u64,
    /// Connections under way when the trace ended, which have no timeline.
    #[serde(default)]
    pub unfinished: u64,
    /// Events reported by the kernel side.
    #[serde(default)]
    pub events: u64,
    /// Events lost between kernel and user space.
    pub lost: u64,
    /// The lost events of each CPU.
    #[serde(default)]
    pub lost_by_cpu: Vec<u64>,
    /// How long the handshake, the first byte and every edge took.
    #[serde(default)]
    pub latencies: Vec<Latency>,
    /// What could not be seen, a line each.
    #[serde(default)]
    pub gaps: Vec<String>,
}

impl Record for Summary {
    const FORMAT: Format = Format {
        name: "swarmtrace-summary",
        written_by: "follow, join",
        read_by: "join, check --from",
        changes: &["First version."],
    };
}
