//! JSON lines: one object a line, so that a file can be followed, cut and
//! concatenated. The shapes are the timeline's own.

use crate::timeline::Timeline;
use std::io::{self, Write};

/// Writes a timeline as one line.
pub fn line(out: &mut dyn Write, timeline: &Timeline) -> io::Result<()> {
    out.write_all(text(timeline)?.as_bytes())
}

/// The line, with its line break.
pub fn text(timeline: &Timeline) -> serde_json::Result<String> {
    Ok(serde_json::to_string(timeline)? + "\n")
}
