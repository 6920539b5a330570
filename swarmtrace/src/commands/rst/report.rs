//! What `rst` says: failures while it runs, counts at intervals, a table at the
//! end.
//!
//! As with `follow`, what was found goes to standard output and everything about
//! the trace itself to standard error; in JSON the figures are the last line.

use super::Args;
use crate::commands::follow::Format;
use crate::flow::Statistics;
use crate::output;
use crate::output::notes::{Gaps, loss, what};
use crate::output::rst::Groups;
use crate::output::rst::text::{clock, describe, page, table};
use crate::output::style::{WRONG, paint};
use crate::recording::{Finding, RstSummary, write_line};
use crate::session::{Trace, wall_offset};
use anyhow::Result;

/// How often repeats are told of.
const INTERVAL: u64 = 10_000_000_000;
/// How many kinds a telling of repeats names.
const LINES: usize = 8;

/// Prints and counts.
pub struct Report<'a> {
    options: &'a Args,
    groups: Groups,
    found: u64,
    resets: u64,
    uncertain: u64,
    started: u64,
    told: u64,
    gaps: Gaps,
}

impl<'a> Report<'a> {
    pub fn new(options: &'a Args) -> Self {
        Self {
            options,
            groups: Groups::default(),
            found: 0,
            resets: 0,
            uncertain: 0,
            started: 0,
            told: 0,
            gaps: Gaps::default(),
        }
    }

    /// Says what is being watched; tests and scripts wait for this line.
    pub fn announce(&mut self, live: &Trace) {
        self.name_gaps(live);
        let (taps, namespaces) = live.coverage();
        let options = self.options;
        anstream::eprintln!(
            "swarmtrace: tracing resets and silent connections of {} on {}: {taps} devices \
             tapped in {namespaces} namespaces; Ctrl-C ends it",
            what(&options.service, options.port, options.network.as_deref()),
            live.topology().hostname,
        );
    }

    /// Says once what cannot be seen.
    pub fn name_gaps(&mut self, live: &Trace) {
        self.gaps.name(live.gaps());
    }

    /// Counts a silence that may be no failure.
    pub fn note_uncertain(&mut self) {
        self.uncertain += 1;
    }

    /// Whether `--count` failures were told of.
    pub fn is_full(&self) -> bool {
        self.options.count.is_some_and(|count| self.found >= count)
    }

    /// Prints a failure, or counts it as another of its kind.
    pub fn tell(&mut self, finding: &Finding) -> Result<()> {
        self.found += 1;
        self.resets += u64::from(finding.is_reset());
        let first = self.groups.add(finding);
        match self.options.output {
            Format::Json => output::print(&write_line(finding)?)?,
            Format::Text if first => output::print(&page(finding))?,
            Format::Text => {}
        }
        Ok(())
    }

    /// At intervals: how often what was shown has happened since.
    pub fn tick(&mut self, now: u64) -> Result<()> {
        if self.started == 0 {
            (self.started, self.told) = (now, now);
        }
        let passed = now.saturating_sub(self.told);
        if passed < INTERVAL || self.options.output == Format::Json {
            return Ok(());
        }
        self.told = now;
        let grown = self.groups.grown();
        let mut lines = String::new();
        for (more, group) in grown.iter().take(LINES) {
            let rate = *more as f64 * 1e9 / passed as f64;
            lines += &format!(
                "{}  {} more in {:.0} s ({rate:.1}/s), {} in all: {}\n",
                clock(wall(now)),
                paint(WRONG, format!("+{more}")),
                passed as f64 / 1e9,
                group.count,
                describe(group),
            );
        }
        if grown.len() > LINES {
            let rest: u64 = grown.iter().skip(LINES).map(|(more, _)| more).sum();
            lines += &format!("{}  +{rest} more of other kinds\n", clock(wall(now)));
        }
        output::print(&lines)?;
        Ok(())
    }

    /// Prints the figures; how many failures were found.
    pub fn finish(self, live: &Trace, statistics: &Statistics, now: u64) -> Result<u64> {
        let lost_by_cpu = live.lost_by_cpu()?;
        let lost = lost_by_cpu.iter().sum();
        let events = live.reported()?;
        let watched = match self.started {
            0 => 0,
            started => now.saturating_sub(started),
        };
        match self.options.output {
            Format::Json => {
                let summary = RstSummary {
                    node: live.topology().hostname.clone(),
                    found: self.found,
                    resets: self.resets,
                    uncertain: self.uncertain,
                    groups: self.groups.all().into_iter().cloned().collect(),
                    others: self.groups.others(),
                    seconds: watched as f64 / 1e9,
                    events,
                    lost,
                    lost_by_cpu: lost_by_cpu.clone(),
                    gaps: self.gaps.named().map(str::to_owned).collect(),
                };
                output::print(&write_line(&summary)?)?;
            }
            Format::Text if self.found > 0 => output::print(&table(&self.groups))?,
            Format::Text => {}
        }
        let connections = |n: u64| match n {
            1 => "1 connection".to_owned(),
            n => format!("{n} connections"),
        };
        let mut line = match self.found {
            0 => "nothing was reset or left unanswered".to_owned(),
            found => {
                let silent = found - self.resets;
                format!(
                    "{} failed ({} reset, {silent} otherwise)",
                    connections(found),
                    self.resets
                )
            }
        };
        if self.uncertain > 0 {
            line += &format!(
                "; of {} an answer may have been missed",
                connections(self.uncertain)
            );
        }
        line += &format!(", {} seen, {events} events", connections(statistics.begun));
        anstream::eprintln!("swarmtrace: {line}; {}", loss(lost, &lost_by_cpu));
        Ok(self.found)
    }
}

fn wall(monotonic: u64) -> u64 {
    monotonic.saturating_add_signed(wall_offset())
}
