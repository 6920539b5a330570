//! `swarmtrace join`: whole timelines from several nodes' files.
//!
//! Each file is what `follow --output json` printed on one node.

use super::options::OutputFormat;
use crate::output::timeline::{TimelinePrinter, text};
use crate::output::{self, latency};
use crate::recording::{TimelineLine, write_line};
use crate::session::{Driver, Item};
use crate::timeline::Histograms;
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;

/// Puts several nodes' timelines together into whole ones
///
/// Takes what `swarmtrace follow --output json` printed on each node. The offset
/// between the nodes' clocks is estimated from the connections themselves and
/// printed with its bound; hops on another node are ordered by causality, and
/// carry that bound. What went wrong with a connection is judged by what all nodes
/// saw, and by what they would have seen.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One file a node
    #[arg(required = true, num_args = 2.., value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print: text for people, json for one timeline a line
    #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
    output: OutputFormat,
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
        let printer = TimelinePrinter {
            format: self.output,
            text: text::Options {
                reply: !self.no_reply,
                all_packets: self.all_packets,
            },
        };
        let mut driver = Driver::recorded(&self.files)?;
        let mut histograms = Histograms::new();
        while let Some(Item::Timeline(judged)) = driver.next().await? {
            histograms.add(&judged.timeline);
            if !self.quiet {
                // What the task was doing stands in its own node's line.
                printer.print(&TimelineLine {
                    task_state: None,
                    ..judged.into_line()
                })?;
            }
        }
        let Some(recordings) = driver.recordings() else {
            return Ok(ExitCode::SUCCESS);
        };
        // Each node's own figures: they say what was lost.
        if self.output == OutputFormat::Json && !self.quiet {
            for summary in recordings.summaries() {
                output::print(&write_line(summary)?)?;
            }
        }
        let latencies = histograms.latencies();
        if self.output == OutputFormat::Text && !latencies.is_empty() {
            output::print(&latency::text::render(&latencies))?;
        }
        let counts = recordings.joined();
        anstream::eprintln!(
            "swarmtrace: {} timelines, {} of them joined, {} whose other node is missing",
            counts.timelines,
            counts.joined,
            counts.alone
        );
        Ok(ExitCode::SUCCESS)
    }
}
