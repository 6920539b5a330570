//! The one stream of judged timelines that every command reads.

use super::figures::TraceFigures;
use super::judge::Judged;
use super::live::{Batch, LiveSource};
use super::options::{DriverOptions, TraceLimits, TraceOptions};
use super::problems::problems;
use super::recorded::Recorded;
use super::trace::Trace;
use crate::recording::RunSummary;
use crate::sys::clock::{Mono, Wall};
use anyhow::Result;
use std::collections::VecDeque;
use std::path::PathBuf;

/// Where judged timelines come from.
///
/// A recording of events is to be the third: it feeds a correlator as [`LiveSource`]
/// does, with the recorded topology and taps in place of a [`Trace`], and returns
/// the same [`Batch`]es.
pub enum Source {
    /// This node, now.
    Live(Box<LiveSource>),
    /// Timelines that were recorded on one or several nodes.
    Recorded(Box<Recorded>),
}

/// What the driver hands out.
pub enum Item {
    /// A judged timeline.
    Timeline(Box<Judged>),
    /// Everything that happened up to that time was handed out. Live sources only,
    /// about twenty times a second.
    Tick(Mono),
}

/// Hands out judged timelines until the source has ended or enough were counted.
pub struct Driver {
    source: Source,
    ready: VecDeque<Judged>,
    tick: Option<Mono>,
    limits: TraceLimits,
    counted: u64,
    complete: bool,
}

impl Driver {
    /// Traces this node.
    ///
    /// # Errors
    /// Errors as [`Trace::start`] does, or if the command of the limits cannot be
    /// run.
    pub async fn live(trace: TraceOptions, options: DriverOptions) -> Result<Self> {
        let limits = options.limits.clone();
        let complete = options.complete;
        let source = LiveSource::start(trace, options).await?;
        Ok(Self {
            limits,
            complete,
            ..Self::over(Source::Live(Box::new(source)))
        })
    }

    /// Reads recordings of one or several nodes, whose timelines are joined.
    ///
    /// # Errors
    /// Errors if a file cannot be read or is no recording.
    pub fn recorded(files: &[PathBuf]) -> Result<Self> {
        let source = Recorded::read(files)?;
        Ok(Self::over(Source::Recorded(Box::new(source))))
    }

    fn over(source: Source) -> Self {
        Self {
            source,
            ready: VecDeque::new(),
            tick: None,
            limits: TraceLimits::default(),
            counted: 0,
            complete: false,
        }
    }

    /// Waits for the next item; `None` at the end.
    ///
    /// # Errors
    /// Errors if the source cannot be read any more.
    pub async fn next(&mut self) -> Result<Option<Item>> {
        loop {
            if let Some(judged) = self.ready.pop_front() {
                let later = self.complete && judged.timeline.revision > 0;
                if later || !self.is_full() {
                    return Ok(Some(Item::Timeline(Box::new(judged))));
                }
                continue;
            }
            if let Some(now) = self.tick.take() {
                return Ok(Some(Item::Tick(now)));
            }
            let full = self.is_full();
            match &mut self.source {
                Source::Live(live) => {
                    let Some(Batch { judged, tick }) = live.next(full).await? else {
                        return Ok(None);
                    };
                    self.ready.extend(judged);
                    self.tick = tick;
                }
                Source::Recorded(recorded) => match recorded.judge_next() {
                    Some(judged) => self.ready.push_back(judged),
                    None => return Ok(None),
                },
            }
        }
    }

    /// Counts the timeline that was handed out last: one of those that the limits
    /// ask for.
    pub fn count(&mut self) {
        self.counted += 1;
    }

    /// How many were counted.
    pub fn counted(&self) -> u64 {
        self.counted
    }

    /// Whether as many were counted as the limits ask for.
    pub fn is_full(&self) -> bool {
        self.limits.count.is_some_and(|limit| self.counted >= limit)
    }

    /// The running trace, where there is one.
    pub fn trace(&self) -> Option<&Trace> {
        match &self.source {
            Source::Live(live) => Some(live.trace()),
            Source::Recorded(_) => None,
        }
    }

    /// The recordings, where there are any.
    pub fn recordings(&self) -> Option<&Recorded> {
        match &self.source {
            Source::Recorded(recorded) => Some(recorded),
            Source::Live(_) => None,
        }
    }

    /// The trace in figures, as a check reports it, once it has ended.
    pub fn run_summary(&self) -> RunSummary {
        let figures = self.figures();
        RunSummary {
            nodes: figures.nodes.clone(),
            taken: Wall::now().seconds(),
            seconds: figures.seconds,
            connections: self.counted,
            unfinished: figures.unfinished,
            events: figures.events,
            lost: figures.lost,
            gaps: figures.gaps.clone(),
            problems: self.problems(),
        }
    }

    /// What keeps the trace from proving anything, a line each, once it has ended.
    fn problems(&self) -> Vec<String> {
        let ended = match &self.source {
            Source::Live(live) => live.ended(),
            Source::Recorded(_) => &[],
        };
        problems(self.figures(), &self.limits, ended, self.counted)
    }

    /// The figures of the whole trace, once it has ended.
    pub fn figures(&self) -> &TraceFigures {
        match &self.source {
            Source::Live(live) => live.figures(),
            Source::Recorded(recorded) => recorded.figures(),
        }
    }
}
