//! Failures while they happen, repeats at intervals, and a table at the end.
//!
//! What was found goes to standard output, and everything about the trace itself to
//! standard error; in JSON the figures are the last line.

use super::Groups;
use super::text::{clock, describe, page, table};
use crate::output::notes::{connections, loss};
use crate::output::style::{WRONG, paint};
use crate::output::{self, OutputFormat};
use crate::recording::{Finding, RstSummary, write_line};
use crate::session::TraceFigures;
use crate::sys::clock::{Mono, Nanos, wall_offset};
use anyhow::Result;

/// How often repeats are printed.
const INTERVAL: Nanos = Nanos::from_secs(10);
/// How many kinds of failure are printed with their repeats.
const LINES: usize = 8;

/// Prints failures and counts them.
pub struct FindingPrinter {
    format: OutputFormat,
    groups: Groups,
    found: u64,
    resets: u64,
    uncertain: u64,
    /// When repeats were last printed.
    repeats_printed: Option<Mono>,
}

impl FindingPrinter {
    /// Nothing was found yet.
    pub fn new(format: OutputFormat) -> Self {
        Self {
            format,
            groups: Groups::default(),
            found: 0,
            resets: 0,
            uncertain: 0,
            repeats_printed: None,
        }
    }

    /// Counts a silence that may be no failure.
    pub fn count_uncertain(&mut self) {
        self.uncertain += 1;
    }

    /// How many failures were printed or counted.
    pub fn found(&self) -> u64 {
        self.found
    }

    /// Prints a failure, or in text counts it as another of its kind.
    ///
    /// # Errors
    /// Errors if standard output cannot be written to.
    pub fn print(&mut self, finding: &Finding) -> Result<()> {
        self.found += 1;
        self.resets += u64::from(finding.is_reset());
        let first = self.groups.add(finding);
        match self.format {
            OutputFormat::Json => output::print(&write_line(finding)?)?,
            OutputFormat::Text if first => output::print(&page(finding))?,
            OutputFormat::Text => {}
        }
        Ok(())
    }

    /// Prints at intervals how often each kind of failure has happened since.
    ///
    /// # Errors
    /// Errors if standard output cannot be written to.
    pub fn tick(&mut self, now: Mono) -> Result<()> {
        let passed = now.since(*self.repeats_printed.get_or_insert(now));
        if passed < INTERVAL || self.format == OutputFormat::Json {
            return Ok(());
        }
        self.repeats_printed = Some(now);
        let time = clock(now.wall(wall_offset()));
        let seconds = passed.duration().as_secs_f64();
        let grown = self.groups.grown();
        let mut lines = String::new();
        for (more, group) in grown.iter().take(LINES) {
            let rate = *more as f64 / seconds;
            lines += &format!(
                "{time}  {} more in {seconds:.0} s ({rate:.1}/s), {} in all: {}\n",
                paint(WRONG, format!("+{more}")),
                group.count,
                describe(group),
            );
        }
        if grown.len() > LINES {
            let rest: u64 = grown.iter().skip(LINES).map(|(more, _)| more).sum();
            lines += &format!("{time}  +{rest} more of other kinds\n");
        }
        output::print(&lines)?;
        Ok(())
    }

    /// Prints the table, or in JSON the figures, and the last line.
    ///
    /// # Errors
    /// Errors if standard output cannot be written to.
    pub fn finish<'a>(
        &self,
        figures: &TraceFigures,
        gaps: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        match self.format {
            OutputFormat::Json => {
                output::print(&write_line(&RstSummary {
                    node: figures.nodes.first().cloned().unwrap_or_default(),
                    found: self.found,
                    resets: self.resets,
                    uncertain: self.uncertain,
                    groups: self.groups.all().into_iter().cloned().collect(),
                    others: self.groups.others(),
                    seconds: figures.seconds,
                    events: figures.events,
                    lost: figures.lost.unwrap_or_default(),
                    lost_by_cpu: figures.lost_by_cpu.clone(),
                    gaps: gaps.map(str::to_owned).collect(),
                })?)?;
            }
            OutputFormat::Text if self.found > 0 => output::print(&table(&self.groups))?,
            OutputFormat::Text => {}
        }
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
        let (begun, events) = (connections(figures.begun), figures.events);
        line += &format!(", {begun} seen, {events} events");
        anstream::eprintln!("swarmtrace: {line}; {}", loss(figures));
        Ok(())
    }
}
