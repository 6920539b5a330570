//! JSON lines: one object a line, so that a file can be followed, cut and
//! concatenated. The shapes are the timeline's own.

use crate::timeline::Timeline;
use std::io::{self, Write};

/// Writes a timeline as one line.
pub fn line(out: &mut dyn Write, timeline: &Timeline) -> io::Result<()> {
    serde_json::to_writer(&mut *out, timeline)?;
    out.write_all(b"\n")
}
