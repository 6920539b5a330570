//! What `follow` says: timelines while it runs, figures at the end.
//!
//! Timelines and figures go to standard output, everything about the trace
//! itself to standard error, so that the output can be piped. In JSON the
//! figures are the last line, an object of its own format.

use super::{Args, Format};
use crate::commands::live::{Live, wall_offset};
use crate::output;
use crate::output::paint::Painter;
use crate::output::text::TextOptions;
use crate::output::{json, latency, text};
use crate::timeline::{Flow, Histograms, Latency, Leg, SUMMARY_FORMAT, Statistics, Timeline};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeSet;

/// Standard output drops the colours where they are not wanted.
const COLOUR: Painter = Painter { colour: true };

/// Prints and counts.
pub struct Report<'a> {
    options: &'a Args,
    text: TextOptions,
    histograms: Histograms,
    told: u64,
    named_gaps: BTreeSet<String>,
}

/// The figures, as the last line of JSON output.
#[derive(Serialize)]
struct Summary<'a> {
    format: &'static str,
    version: u32,
    node: &'a str,
    connections: u64,
    unfinished: usize,
    events: u64,
    lost: u64,
    lost_by_cpu: &'a [u64],
    latencies: &'a [Latency],
    gaps: &'a BTreeSet<String>,
}

impl<'a> Report<'a> {
    pub fn new(options: &'a Args) -> Self {
        Self {
            options,
            text: TextOptions {
                painter: COLOUR,
                reply: !options.no_reply,
                all_packets: options.all_packets,
            },
            histograms: Histograms::new(),
            told: 0,
            named_gaps: BTreeSet::new(),
        }
    }

    /// Says what is being traced; tests and scripts wait for this line.
    pub fn announce(&mut self, live: &Live) {
        self.name_gaps(live);
        let (taps, namespaces) = live.coverage();
        anstream::eprintln!(
            "swarmtrace: tracing {} on {}: {taps} devices tapped in {namespaces} namespaces; \
             Ctrl-C ends it",
            self.options.selection.what(),
            live.topology().hostname,
        );
    }

    /// Prints the timelines of the flows that were asked for.
    pub fn tell_all(&mut self, flows: Vec<Flow>, live: &Live) -> Result<()> {
        self.name_gaps(live);
        for flow in flows {
            if !self.is_full() && !flow.is_for_others() && is_wanted(&flow, live) {
                let mut timeline = flow.timeline(live.topology(), wall_offset());
                if self.options.no_reply {
                    timeline.drop_reply();
                }
                self.tell(&timeline, live)?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, timeline: &Timeline, live: &Live) -> Result<()> {
        if !live.wants_client(timeline.client.ip()) {
            return Ok(());
        }
        if timeline.revision == 0 {
            self.told += 1;
            self.histograms.add(timeline);
        }
        if self.options.quiet {
            return Ok(());
        }
        match self.options.output {
            Format::Text => {
                let mut page = text::timeline(timeline, &self.text);
                page.push('\n');
                output::print(&page)?;
            }
            Format::Json => {
                let mut line = Vec::new();
                json::line(&mut line, timeline)?;
                output::print(&String::from_utf8_lossy(&line))?;
            }
        }
        Ok(())
    }

    /// Whether `--count` connections were told of.
    pub fn is_full(&self) -> bool {
        self.options
            .selection
            .count
            .is_some_and(|count| self.told >= count)
    }

    /// Prints the figures and what was lost.
    pub fn finish(self, live: &Live, statistics: &Statistics, unfinished: usize) -> Result<()> {
        let lost_by_cpu = live.lost_by_cpu()?;
        let lost = lost_by_cpu.iter().sum();
        let latencies = self.histograms.latencies();
        let events = live.reported()?;
        match self.options.output {
            Format::Json => {
                let summary = Summary {
                    format: SUMMARY_FORMAT,
                    version: 1,
                    node: &live.topology().hostname,
                    connections: self.told,
                    unfinished,
                    events,
                    lost,
                    lost_by_cpu: &lost_by_cpu,
                    latencies: &latencies,
                    gaps: &self.named_gaps,
                };
                output::print(&(serde_json::to_string(&summary)? + "\n"))?;
            }
            Format::Text => {
                if !latencies.is_empty() {
                    output::print(&latency::table(&latencies, COLOUR))?;
                }
            }
        }
        let connections = match self.told {
            1 => "1 connection".to_owned(),
            n => format!("{n} connections"),
        };
        let mut line = format!("swarmtrace: {connections}, {events} events");
        if unfinished > 0 {
            line += &format!(", {unfinished} still under way");
        }
        if statistics.evicted > 0 {
            line += &format!(", {} too many to keep", statistics.evicted);
        }
        anstream::eprintln!("{line}; {}", loss(lost, &lost_by_cpu));
        Ok(())
    }

    /// Says once what cannot be seen.
    fn name_gaps(&mut self, live: &Live) {
        for gap in live.gaps() {
            if self.named_gaps.insert(gap.clone()) {
                anstream::eprintln!("swarmtrace: note: {gap}");
            }
        }
    }
}

/// Whether a packet of its was sent to something that was asked for.
pub fn is_wanted(flow: &Flow, live: &Live) -> bool {
    let forward = flow.packets.iter().filter(|p| p.leg == Leg::Forward);
    let mut tuples = forward.flat_map(|p| &p.sightings).map(|s| s.tuple);
    tuples.any(|t| live.filter().accepts(t.destination(), t.protocol))
}

fn loss(lost: u64, by_cpu: &[u64]) -> String {
    if lost == 0 {
        return "no events lost".to_owned();
    }
    let cpus = by_cpu.iter().enumerate().filter(|(_, lost)| **lost > 0);
    let cpus: Vec<String> = cpus
        .map(|(cpu, lost)| format!("CPU {cpu}: {lost}"))
        .collect();
    format!(
        "{lost} events LOST ({}): hops may be missing; a larger --buffer helps",
        cpus.join(", ")
    )
}
