//! JSON lines: one object a line, so that a file can be followed, cut and
//! concatenated. The shapes are the timeline's own; what was found out about a
//! flow stands beside its timeline's fields.

use crate::diagnose::{TaskActivity, Verdict};
use crate::timeline::Timeline;
use serde::Serialize;

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    timeline: &'a Timeline,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_state: Option<TaskActivity>,
}

/// A timeline, its verdict and what its task was doing, as far as there are any, as
/// one line with its line break.
pub fn text(
    timeline: &Timeline,
    verdict: Option<&Verdict>,
    task_state: Option<TaskActivity>,
) -> serde_json::Result<String> {
    let told = Told {
        timeline,
        verdict,
        task_state,
    };
    Ok(serde_json::to_string(&told)? + "\n")
}
