//! `swarmtrace join`: whole timelines from several nodes' files.
//!
//! Each file is what `follow --output json` printed on one node.

use super::follow::Format;
use crate::output::timeline::text;
use crate::output::{self, latency, verdict};
use crate::recording::{NodeLine, TimelineLine, read, write_line};
use crate::session::joined::{Part, judge_joined};
use crate::timeline::{Histograms, JoinKey, Timeline, join};
use anyhow::Result;
use std::collections::{BTreeMap, HashMap};
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
        let options = text::Options {
            reply: !self.no_reply,
            all_packets: self.all_packets,
        };
        let mut timelines = Vec::new();
        let mut nodes: BTreeMap<String, NodeLine> = BTreeMap::new();
        let mut parts: HashMap<(String, JoinKey), Part> = HashMap::new();
        let mut summaries = Vec::new();
        for file in &self.files {
            let contents = read::contents(file)?;
            summaries.extend(contents.summaries);
            nodes.extend(contents.nodes.into_iter().map(|n| (n.node.clone(), n)));
            for line in contents.timelines {
                let part = Part::new(&line);
                let timeline = line.timeline;
                for node in &timeline.nodes {
                    let key = (node.clone(), identity(&timeline));
                    let known = parts.remove(&key);
                    let latest = known.map_or_else(|| part.clone(), |k| part.clone().or_later(k));
                    parts.insert(key, latest);
                }
                timelines.push(timeline);
            }
        }
        let joined = join::join(timelines);
        let mut histograms = Histograms::new();
        let count = joined.timelines.len();
        for timeline in joined.timelines {
            histograms.add(&timeline);
            if self.quiet {
                continue;
            }
            let told = timeline.nodes.iter().filter_map(|node| {
                let key = (node.clone(), identity(&timeline));
                parts.get(&key)
            });
            let found = judge_joined(&timeline, &nodes, &told.collect::<Vec<_>>());
            output::print(&match self.output {
                Format::Text => {
                    let verdict = found.map(|v| verdict::text::indented(&v));
                    text::render(&timeline, &options) + &verdict.unwrap_or_default() + "\n"
                }
                Format::Json => write_line(&TimelineLine {
                    timeline,
                    verdict: found,
                    task_state: None,
                })?,
            })?;
        }
        // Each node's own figures: they say what was lost.
        if self.output == Format::Json && !self.quiet {
            for summary in &summaries {
                output::print(&write_line(summary)?)?;
            }
        }
        let latencies = histograms.latencies();
        if self.output == Format::Text && !latencies.is_empty() {
            output::print(&latency::text::render(&latencies))?;
        }
        anstream::eprintln!(
            "swarmtrace: {} timelines, {} of them joined, {} whose other node is missing",
            count,
            joined.whole,
            joined.alone
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// What one connection's timelines on several nodes have in common.
fn identity(timeline: &Timeline) -> JoinKey {
    JoinKey {
        server_isn: None,
        tunnel: None,
        ..timeline.key.clone()
    }
}
