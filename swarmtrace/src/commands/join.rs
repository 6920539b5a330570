//! `swarmtrace join`: whole timelines from several nodes' files.
//!
//! Each file is what `follow --output json` printed on one node.

use crate::output::{json, text};
use crate::timeline::{join, read};
use anyhow::Context;
use std::io::Write;
use std::path::PathBuf;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub enum Format {
    /// For people.
    Text(text::TextOptions),
    /// One timeline a line.
    Json,
}

/// Joins the files' timelines and prints them to `out`, a summary to `notes`.
pub fn run(
    files: &[PathBuf],
    format: Format,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut timelines = Vec::new();
    for file in files {
        timelines.extend(read::timelines(file)?);
    }
    let joined = join::join(timelines);
    for timeline in &joined.timelines {
        match format {
            Format::Text(options) => writeln!(out, "{}", text::timeline(timeline, &options)),
            Format::Json => json::line(out, timeline),
        }
        .context("writing the timelines")?;
    }
    writeln!(
        notes,
        "{} timelines, {} of them joined, {} whose other node is missing",
        joined.timelines.len(),
        joined.whole,
        joined.alone
    )
    .context("writing the summary")
}
