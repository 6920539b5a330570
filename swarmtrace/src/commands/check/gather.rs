//! The connections to be judged: traced now, or recorded before.

use super::Args;
use crate::check::Observations;
use crate::commands::follow::is_answered;
use crate::flow::{Correlator, Flow, Options};
use crate::recording::{RunSummary, read};
use crate::session::{Step, Trace, TraceOptions, monotonic_now};
use crate::sys::clock::Mono;
use crate::timeline::join;
use anyhow::{Context as _, Result};
use std::os::fd::AsFd as _;
use std::process::Stdio;
use std::time::Duration;
use swarmtrace_common::Mode;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until};

/// How much longer than the longest wait of the timeline a flow is waited for.
const GRACE: Duration = Duration::from_secs(1);

/// What was seen.
pub struct Gathered {
    /// The connections.
    pub record: Observations,
    /// The trace.
    pub run: RunSummary,
}

/// Reads recordings.
pub fn recorded(args: &Args) -> Result<Gathered> {
    let mut run = RunSummary {
        lost: Some(0),
        ..RunSummary::default()
    };
    let mut timelines = Vec::new();
    for path in &args.from {
        let recording = read::contents(path)?;
        if recording.summaries.is_empty() {
            // It was cut short: nobody knows what is missing.
            run.lost = None;
            let what = "does not end with the figures of its trace: it was cut short";
            run.problems.push(format!("{} {what}", path.display()));
        }
        for summary in recording.summaries {
            run.events += summary.events;
            run.unfinished += summary.unfinished;
            run.lost = run.lost.map(|lost| lost.saturating_add(summary.lost));
            run.gaps.extend(summary.gaps);
            run.nodes.push(summary.node);
        }
        timelines.extend(recording.timelines.into_iter().map(|line| line.timeline));
    }
    if args.from.len() > 1 {
        timelines = join::join(timelines).timelines;
    }
    let mut record = Observations::new();
    for timeline in &timelines {
        record.add(timeline);
    }
    run.connections = record.connections.len() as u64;
    Ok(Gathered { record, run })
}

/// Traces until the end that was asked for.
pub async fn live(args: &Args) -> Result<Gathered> {
    let options = args.selection.live(Mode::Transitions, &args.tuning);
    // An end by the clock is one that was asked for, an end by a signal is not:
    // told apart here.
    let live = Trace::start(TraceOptions {
        duration: None,
        ..options
    })
    .await?;
    let (taps, namespaces) = live.coverage();
    anstream::eprintln!(
        "swarmtrace: tracing {} on {}: {taps} devices tapped in {namespaces} namespaces",
        args.selection.what(),
        live.topology().hostname,
    );
    let mut trace = Gathering {
        args,
        live,
        correlator: Correlator::new(&Options::default()),
        record: Observations::new(),
        problems: Vec::new(),
        until: u64::MAX,
    };
    if taps == 0 {
        trace
            .problems
            .push("not one device could be tapped".to_owned());
    }
    let begun = Instant::now();
    if trace.run_on().await? {
        trace.wait_for_the_rest().await?;
    }
    trace.finish(begun.elapsed())
}

struct Gathering<'a> {
    args: &'a Args,
    live: Trace,
    correlator: Correlator,
    record: Observations,
    problems: Vec<String>,
    /// CLOCK_MONOTONIC after which no connection counts.
    until: u64,
}

enum Event {
    Step(Step),
    Ended(std::process::ExitStatus),
    TimeIsUp,
}

impl Gathering<'_> {
    /// Traces to the end that was asked for; says whether it came to that.
    async fn run_on(&mut self) -> Result<bool> {
        let mut child = command(&self.args.command)?;
        let deadline = (self.args.selection.duration).map(|d| Instant::now() + d);
        loop {
            let time_is_up = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            let ended = async {
                match &mut child {
                    Some(child) => child.wait().await,
                    None => std::future::pending().await,
                }
            };
            let event = tokio::select! {
                step = self.live.next() => Event::Step(step?),
                status = ended => Event::Ended(status.context("cannot wait for the command")?),
                () = time_is_up => Event::TimeIsUp,
            };
            match event {
                Event::Step(Step::Stop) => {
                    self.problems.push("interrupted before its end".to_owned());
                    return Ok(false);
                }
                Event::Step(step) => {
                    self.take(step);
                    if self.is_full() && child.is_none() {
                        return Ok(false);
                    }
                }
                Event::Ended(status) => {
                    if !status.success() {
                        self.problems.push(format!("the command failed ({status})"));
                    }
                    return Ok(true);
                }
                Event::TimeIsUp => {
                    self.out_of_time(child.is_some());
                    return Ok(true);
                }
            }
        }
    }

    fn out_of_time(&mut self, command_runs: bool) {
        let time = (self.args.selection.duration).map_or_else(String::new, |duration| {
            format!(" within {}", humantime::format_duration(duration))
        });
        if command_runs {
            self.problems.push(format!("the command did not end{time}"));
        }
        if let Some(count) = self.args.selection.count
            && !self.is_full()
        {
            let got = self.record.connections.len();
            self.problems
                .push(format!("only {got} of {count} connections{time}"));
        }
    }

    /// Gives connections that are under way the time to have a story: one whose
    /// answer is late must not be left out for that.
    async fn wait_for_the_rest(&mut self) -> Result<()> {
        self.until = monotonic_now();
        let patience = Options::default().unanswered + GRACE;
        let deadline = Instant::now() + patience;
        // What was sent just now is still on its way here.
        let mut steps = 0;
        while (steps < 3 || self.correlator.pending(Mono::from_ns(self.until)) > 0)
            && Instant::now() < deadline
        {
            match self.live.next().await? {
                Step::Stop => {
                    self.problems.push("interrupted before its end".to_owned());
                    break;
                }
                step => {
                    steps += usize::from(matches!(step, Step::Tick { .. }));
                    self.take(step);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Events(events) => events.iter().for_each(|e| self.correlator.push(e)),
            Step::Tick { events, now, lost } => {
                events.iter().for_each(|e| self.correlator.push(e));
                self.correlator.record_lost(lost);
                let told = self.correlator.take_finished(Mono::from_ns(now));
                self.keep(told);
            }
            Step::Stop => {}
        }
    }

    fn is_full(&self) -> bool {
        let seen = self.record.connections.len() as u64;
        self.args.selection.count.is_some_and(|count| seen >= count)
    }

    fn keep(&mut self, flows: Vec<Flow>) {
        for flow in flows {
            let counts = flow.revision > 0 || !self.is_full();
            let in_time = self.live.is_of_this_trace(&flow)
                && flow
                    .first_time()
                    .is_some_and(|time| time.ns() <= self.until);
            if !counts || !in_time || flow.is_for_others() {
                continue;
            }
            let timeline = self.live.timeline(&flow);
            if self.live.wants(&timeline) && self.live.wants_client(timeline.client.ip()) {
                self.record.add(&timeline);
            }
        }
    }

    fn finish(mut self, took: Duration) -> Result<Gathered> {
        let (rest, lost) = self.live.stop()?;
        rest.iter().for_each(|event| self.correlator.push(event));
        self.correlator.record_lost(lost);
        let evicted = self.correlator.statistics().evicted;
        if evicted > 0 {
            self.problems
                .push(format!("{evicted} connections were too many to keep"));
        }
        // A connection that was given too little time has no story yet.
        let patience = Options::default().unanswered.as_nanos();
        let now = monotonic_now();
        let is_told = |flow: &Flow| {
            let age = now.saturating_sub(flow.first_time().unwrap_or(Mono::ZERO).ns());
            is_answered(flow) || u128::from(age) >= patience
        };
        let (told, unfinished): (Vec<Flow>, Vec<Flow>) =
            self.correlator.finish().into_iter().partition(is_told);
        self.keep(told);
        let mut gaps: Vec<String> = self.live.gaps().collect();
        gaps.dedup();
        let run = RunSummary {
            nodes: vec![self.live.topology().hostname.clone()],
            seconds: took.as_secs_f64(),
            connections: self.record.connections.len() as u64,
            unfinished: unfinished.len() as u64,
            events: self.live.reported()?,
            lost: Some(self.live.lost_by_cpu()?.iter().sum()),
            gaps,
            problems: self.problems,
            taken: 0,
        };
        Ok(Gathered {
            record: self.record,
            run,
        })
    }
}

/// Starts the user's command, what it prints going where it cannot be taken for
/// the outcome.
fn command(words: &[String]) -> Result<Option<Child>> {
    let Some((program, arguments)) = words.split_first() else {
        return Ok(None);
    };
    let stderr = std::io::stderr().as_fd().try_clone_to_owned()?;
    #[expect(clippy::disallowed_methods, reason = "the user names the program")]
    let mut command = Command::new(program);
    let child = command
        .args(arguments)
        .stdout(Stdio::from(stderr))
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run '{program}'"))?;
    Ok(Some(child))
}
