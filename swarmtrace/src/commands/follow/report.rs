//! What `follow` says: timelines while it runs, figures at the end.
//!
//! Timelines and figures go to standard output, everything about the trace
//! itself to standard error, so that the output can be piped. In JSON the
//! figures are the last line, an object of its own format.

use super::{Args, Format};
use crate::flow::{Flow, Statistics};
use crate::output;
use crate::output::notes::{Gaps, loss};
use crate::output::timeline::text;
use crate::output::{latency, verdict};
use crate::recording::{NodeLine, Summary, TimelineLine, write_line};
use crate::session::{Judged, Trace, judge_all};
use crate::timeline::{Histograms, Timeline};
use anyhow::Result;

/// Prints and counts.
pub struct Report<'a> {
    options: &'a Args,
    text: text::Options,
    histograms: Histograms,
    told: u64,
    gaps: Gaps,
}

impl<'a> Report<'a> {
    pub fn new(options: &'a Args) -> Self {
        Self {
            options,
            text: text::Options {
                reply: !options.no_reply,
                all_packets: options.all_packets,
            },
            histograms: Histograms::new(),
            told: 0,
            gaps: Gaps::default(),
        }
    }

    /// Says what is being traced; tests and scripts wait for this line.
    pub fn announce(&mut self, live: &Trace) {
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
    pub fn tell_all(&mut self, flows: Vec<Flow>, live: &mut Trace, now: u64) -> Result<()> {
        self.name_gaps(live);
        let timelines: Vec<Timeline> = (flows.into_iter())
            .filter(|flow| live.is_of_this_trace(flow) && !flow.is_for_others())
            .map(|flow| live.timeline(&flow))
            .filter(|timeline| live.wants(timeline))
            .filter(|timeline| live.wants_client(timeline.client.ip()))
            .collect();
        for Judged {
            mut timeline,
            mut verdict,
            task_state,
            ..
        } in judge_all(timelines, live, now)?
        {
            if self.is_full() {
                break;
            }
            if self.options.no_reply {
                let site = verdict.as_mut().and_then(|v| v.hop.as_mut());
                let moved = timeline.drop_reply(site.as_ref().map(|s| s.index));
                if let (Some(site), Some(index)) = (site, moved) {
                    site.index = index;
                }
            }
            self.tell(&TimelineLine {
                timeline,
                verdict,
                task_state,
            })?;
        }
        Ok(())
    }

    fn tell(&mut self, line: &TimelineLine) -> Result<()> {
        let timeline = &line.timeline;
        if timeline.revision == 0 {
            self.told += 1;
            self.histograms.add(timeline);
        }
        if self.options.quiet {
            return Ok(());
        }
        match self.options.output {
            Format::Text => {
                let mut page = text::render(timeline, &self.text);
                if let Some(verdict) = &line.verdict {
                    page += &verdict::text::indented(verdict);
                }
                page.push('\n');
                output::print(&page)?;
            }
            Format::Json => {
                output::print(&write_line(line)?)?;
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
    pub fn finish(self, live: &Trace, statistics: &Statistics, unfinished: usize) -> Result<()> {
        let lost_by_cpu = live.lost_by_cpu()?;
        let lost = lost_by_cpu.iter().sum();
        let latencies = self.histograms.latencies();
        let events = live.reported()?;
        match self.options.output {
            Format::Json => {
                output::print(&write_line(&NodeLine::of(live))?)?;
                let summary = Summary {
                    node: live.topology().hostname.clone(),
                    connections: self.told,
                    unfinished: unfinished as u64,
                    events,
                    lost,
                    lost_by_cpu: lost_by_cpu.clone(),
                    latencies,
                    gaps: self.gaps.named().map(str::to_owned).collect(),
                };
                output::print(&write_line(&summary)?)?;
            }
            Format::Text => {
                if !latencies.is_empty() {
                    output::print(&latency::text::render(&latencies))?;
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
    fn name_gaps(&mut self, live: &Trace) {
        self.gaps.name(live.gaps());
    }
}
