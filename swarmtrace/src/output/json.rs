//! JSON lines: one object a line, so that a file can be followed, cut and
//! concatenated. The shapes are the timeline's own; what was found out about a
//! flow stands beside its timeline's fields.

use crate::diagnose::Verdict;
use crate::timeline::Timeline;
use serde::Serialize;

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    timeline: &'a Timeline,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a Verdict>,
}

/// A timeline and its verdict, if there is one, as one line with its line break.
pub fn text(timeline: &Timeline, verdict: Option<&Verdict>) -> serde_json::Result<String> {
    Ok(serde_json::to_string(&Told { timeline, verdict })? + "\n")
}
