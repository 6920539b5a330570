//! `swarmtrace join`: whole paths from several nodes' files.

use crate::output::paint::Painter;
use crate::output::text::{self, TextOptions};
use crate::output::{self, json, latency};
use crate::timeline::{Histograms, join, read};
use clap::ValueEnum;
use std::path::PathBuf;
use std::process::ExitCode;

/// Joins what several nodes saw into whole paths
///
/// Each file is what `follow --output json` printed on one node. A connection
/// that two files tell of becomes one timeline, from its client to its task and
/// back. The nodes' clocks are compared by the connections themselves: times on
/// the second node carry the bound (±) of that comparison, and no packet arrives
/// before it left. What only one node saw is printed as it is.
#[derive(clap::Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Files of JSON lines, one a node
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to print: text for people, json for one timeline a line
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// Leave the way back out
    #[arg(long)]
    pub no_reply: bool,
    /// Show first data, FIN and retransmissions hop by hop too
    #[arg(long)]
    pub all_packets: bool,
    /// Print no timelines, only the latency table
    #[arg(long, short)]
    pub quiet: bool,
}

/// How `join` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

const EXAMPLES: &str = "\
Examples:
  On each node, at the same time:
      swarmtrace follow --service vote --port 8080 --output json > node-a.json
  Afterwards, anywhere:
      swarmtrace join node-a.json node-b.json";

impl Args {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut timelines = Vec::new();
        for file in &self.files {
            timelines.extend(read::timelines(file)?);
        }
        let joined = join::join(timelines);
        let options = TextOptions {
            // Standard output drops the colours where they are not wanted.
            painter: Painter { colour: true },
            reply: !self.no_reply,
            all_packets: self.all_packets,
        };
        let mut histograms = Histograms::new();
        for timeline in &joined.timelines {
            histograms.add(timeline);
            if self.quiet {
                continue;
            }
            output::print(&match self.output {
                Format::Text => text::timeline(timeline, &options) + "\n",
                Format::Json => json::text(timeline)?,
            })?;
        }
        let latencies = histograms.latencies();
        if self.output == Format::Text && !latencies.is_empty() {
            output::print(&latency::table(&latencies, options.painter))?;
        }
        anstream::eprintln!(
            "swarmtrace: {} connections, {} joined from two nodes, {} whose other node is missing",
            joined.timelines.len(),
            joined.whole,
            joined.alone
        );
        Ok(ExitCode::SUCCESS)
    }
}
