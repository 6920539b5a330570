//! `swarmtrace-timeline`: a connection, as `follow` and `join` write it.

use super::record::{Format, Record};
use crate::diagnose::{Diagnosis, TaskActivity};
use crate::timeline::Timeline;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One connection: its timeline and what was judged of it.
///
/// All times are nanoseconds; all numbers are plain JSON numbers; addresses are
/// `192.0.2.1:80` or `[2001:db8::1]:80`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineLine {
    /// The connection's hops in order, with names and times.
    #[serde(flatten)]
    pub timeline: Timeline,
    /// What went wrong; absent where nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Diagnosis>,
    /// What the backend's task was doing when the connection failed, as far as
    /// Docker's events say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_state: Option<TaskActivity>,
}

impl From<Timeline> for TimelineLine {
    fn from(timeline: Timeline) -> Self {
        Self {
            timeline,
            verdict: None,
            task_state: None,
        }
    }
}

impl Record for TimelineLine {
    const FORMAT: Format = Format {
        name: "swarmtrace-timeline",
        written_by: "follow, join",
        read_by: "join, check --from",
        changes: &["First version."],
    };
}
