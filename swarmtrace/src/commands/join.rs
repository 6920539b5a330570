//! `swarmtrace join`: whole timelines from several nodes' files.
//!
//! Each file is what `follow --output json` printed on one node.

use super::follow::Format;
use crate::output::paint::Painter;
use crate::output::text::TextOptions;
use crate::output::{self, json, latency, text};
use crate::timeline::{Histograms, join, read};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;

/// Puts several nodes' timelines together into whole ones
///
/// Takes what `swarmtrace follow --output json` printed on each node. The offset
/// between the nodes' clocks is estimated from the connections themselves and
/// printed with its bound; hops on another node are ordered by causality, and
/// carry that bound.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One file a node
    #[arg(required = true, num_args = 2.., value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print: text for people, json for one timeline a line
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    output: Format,
    /// Leave the way back out
    #[arg(long)]
    no_reply: bool,
    /// Show every packet hop by hop
    #[arg(long)]
    all_packets: bool,
    /// Print no timelines, only the latency table
    #[arg(long, short)]
    quiet: bool,
}

impl Args {
    pub(super) async fn run(self) -> Result<ExitCode> {
        let options = TextOptions {
            painter: Painter { colour: true },
            reply: !self.no_reply,
            all_packets: self.all_packets,
        };
        let mut timelines = Vec::new();
        let mut summaries = Vec::new();
        for file in &self.files {
            let recording = read::recording(file)?;
            timelines.extend(recording.timelines);
            summaries.extend(recording.summaries);
        }
        let joined = join::join(timelines);
        let mut histograms = Histograms::new();
        for timeline in &joined.timelines {
            histograms.add(timeline);
            if !self.quiet {
                output::print(&match self.output {
                    Format::Text => text::timeline(timeline, &options) + "\n",
                    Format::Json => json::text(timeline)?,
                })?;
            }
        }
        // Each node's own figures: they say what was lost.
        if self.output == Format::Json && !self.quiet {
            for summary in &summaries {
                output::print(&format!("{}\n", summary.line))?;
            }
        }
        let latencies = histograms.latencies();
        if self.output == Format::Text && !latencies.is_empty() {
            output::print(&latency::table(&latencies, options.painter))?;
        }
        anstream::eprintln!(
            "swarmtrace: {} timelines, {} of them joined, {} whose other node is missing",
            joined.timelines.len(),
            joined.whole,
            joined.alone
        );
        Ok(ExitCode::SUCCESS)
    }
}
