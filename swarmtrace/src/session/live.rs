//! This node, now, as a source of judged timelines: the event loop.

use super::ends::{End, Ends};
use super::figures::TraceFigures;
use super::judge::{Judged, judge_all};
use super::options::{DriverOptions, TraceOptions};
use super::settle::Settling;
use super::trace::{Step, Trace};
use crate::capture::Event;
use crate::flow::{Correlator, Flow, Leg, Lost, Phase};
use crate::sys::clock::{Mono, Nanos};
use anyhow::Result;
use std::time::Duration;
use tokio::time::Instant;

/// How much longer than for an answer a connection that is under way at the end is
/// waited for.
const GRACE: Duration = Duration::from_secs(1);
/// Ticks after the end in which what was sent before it arrives.
const ARRIVING: u32 = 3;

/// Judged timelines, and when all that happened before was handed out.
pub struct Batch {
    /// In the order in which the flows finished.
    pub judged: Vec<Judged>,
    /// `None` of the last batch.
    pub tick: Option<Mono>,
}

/// A running trace with its correlator.
pub struct LiveSource {
    options: DriverOptions,
    trace: Trace,
    correlator: Correlator,
    settling: Settling,
    ends: Ends,
    ended: Vec<End>,
    stage: Stage,
    begun: Instant,
    /// Connections that began later do not count.
    until: Mono,
    /// Taps that were in place when it began.
    taps: usize,
    figures: TraceFigures,
}

enum Stage {
    Running,
    /// What began before the end is traced to its outcome, for so many ticks by now
    /// and no longer than until the deadline.
    Completing {
        ticks: u32,
        deadline: Instant,
    },
    Ending,
    Over,
}

impl LiveSource {
    /// Starts to trace; the clock and the command of the limits start once every
    /// tap is in place.
    ///
    /// Errors as [`Trace::start`] does, or if the command cannot be run.
    pub async fn start(trace: TraceOptions, options: DriverOptions) -> Result<Self> {
        let mut ends = Ends::new()?;
        let trace = Trace::start(trace).await?;
        ends.begin(&options.limits)?;
        Ok(Self {
            taps: trace.tap_counts().0,
            trace,
            correlator: Correlator::new(&options.flows),
            settling: Settling::new(options.settle),
            options,
            ends,
            ended: Vec::new(),
            stage: Stage::Running,
            begun: Instant::now(),
            until: Mono::MAX,
            figures: TraceFigures::default(),
        })
    }

    /// Waits for the next batch, at most one tick; `None` once the trace is over.
    /// `full`: as many connections were counted as the limits ask for.
    ///
    /// Errors if the kernel side cannot be read any more.
    pub async fn next(&mut self, full: bool) -> Result<Option<Batch>> {
        loop {
            match self.stage {
                Stage::Over => return Ok(None),
                _ if self.is_over(full) => {
                    self.stage = Stage::Over;
                    return self.finish(full).map(Some);
                }
                _ => {}
            }
            tokio::select! {
                end = self.ends.next() => self.end(end?),
                step = self.trace.next() => match step? {
                    Step::Events(events) => self.push(&events),
                    Step::Tick { events, now, lost } => {
                        self.push(&events);
                        self.correlator.record_lost(lost);
                        return self.tick(now, full).map(Some);
                    }
                },
            }
        }
    }

    /// The trace.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Why it ended, in the order in which that happened; empty while it runs, and
    /// where enough connections were counted.
    pub fn ended(&self) -> &[End] {
        &self.ended
    }

    /// Its figures, once it is over.
    pub fn figures(&self) -> &TraceFigures {
        &self.figures
    }

    /// Whether the trace is to stop now.
    fn is_over(&self, full: bool) -> bool {
        match self.stage {
            Stage::Running => full && !self.ends.command_runs(),
            Stage::Completing { ticks, deadline } => {
                let arrived = ticks >= ARRIVING && self.correlator.pending(self.until) == 0;
                arrived || Instant::now() >= deadline
            }
            Stage::Ending | Stage::Over => true,
        }
    }

    fn end(&mut self, end: End) {
        let running = matches!(self.stage, Stage::Running);
        self.stage = match end {
            End::Time | End::Command(_) if running && self.options.complete => {
                self.until = Mono::now();
                Stage::Completing {
                    ticks: 0,
                    deadline: Instant::now() + self.options.flows.unanswered + GRACE,
                }
            }
            _ => Stage::Ending,
        };
        self.ended.push(end);
    }

    fn push(&mut self, events: &[Event]) {
        for event in events {
            self.correlator.push(event);
        }
    }

    fn tick(&mut self, now: Mono, full: bool) -> Result<Batch> {
        if let Stage::Completing { ticks, .. } = &mut self.stage {
            *ticks += 1;
        }
        self.settling.add(self.correlator.take_finished(now), now);
        let due = self.settling.take_due(now);
        Ok(Batch {
            judged: self.judge(due, now, full)?,
            tick: Some(now),
        })
    }

    /// Removes the taps; what had no outcome until now has none.
    fn finish(&mut self, full: bool) -> Result<Batch> {
        let took = self.begun.elapsed();
        let (rest, lost): (Vec<Event>, Lost) = self.trace.stop()?;
        self.push(&rest);
        self.correlator.record_lost(lost);
        let statistics = self.correlator.statistics();
        let now = Mono::now();
        self.settling.add(self.correlator.take_finished(now), now);
        let (finished, unfinished): (Vec<Flow>, Vec<Flow>) = (self.correlator.finish())
            .into_iter()
            .partition(|flow| self.has_outcome(flow, now));
        self.settling.add(finished, now);
        let flows = self.settling.take_all();
        let judged = self.judge(flows, now, full)?;
        let lost_by_cpu = self.trace.lost_by_cpu()?;
        let mut gaps: Vec<String> = self.trace.gaps().collect();
        gaps.dedup();
        self.figures = TraceFigures {
            nodes: vec![self.trace.topology().hostname.clone()],
            taps: Some(self.taps),
            seconds: took.as_secs_f64(),
            unfinished: unfinished.len() as u64,
            begun: statistics.begun,
            evicted: statistics.evicted,
            events: self.trace.reported()?,
            lost: Some(lost_by_cpu.iter().sum()),
            lost_by_cpu,
            gaps,
            cut_short: Vec::new(),
        };
        Ok(Batch { judged, tick: None })
    }

    /// Whether a flow that is open at the end says something: a reset or an ICMP
    /// error always does, an answer does where not only failures are looked for,
    /// and so does silence that lasted long enough.
    fn has_outcome(&self, flow: &Flow, now: Mono) -> bool {
        if self.options.flows.failures_only {
            let ends = |phase| matches!(phase, Phase::Rst | Phase::IcmpError);
            return flow.packets.iter().any(|packet| ends(packet.phase));
        }
        let age = flow
            .first_time()
            .map_or(Nanos::MAX, |first| now.since(first));
        flow.packets.iter().any(|p| p.leg == Leg::Reply)
            || age >= Nanos::from(self.options.flows.unanswered)
    }

    /// The filter chain, and the verdicts on what passes it.
    fn judge(&mut self, flows: Vec<Flow>, now: Mono, full: bool) -> Result<Vec<Judged>> {
        let in_time = |flow: &Flow| flow.first_time().is_none_or(|time| time <= self.until);
        let timelines = (flows.into_iter())
            .filter(|flow| !full || (self.options.complete && flow.revision > 0))
            .filter(|flow| self.trace.saw_begin(flow) && in_time(flow) && !flow.is_for_others())
            .map(|flow| self.trace.timeline(&flow))
            .filter(|timeline| self.trace.selects(timeline))
            .collect();
        judge_all(timelines, &mut self.trace, now)
    }
}
