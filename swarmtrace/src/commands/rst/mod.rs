//! `swarmtrace rst`: every reset and silent death of the node's Swarm traffic.
//!
//! Cheap enough to be left on: the kernel side reports handshakes, resets and
//! ICMP errors and turns everything else away at the first look; here only what
//! failed becomes a timeline. What is found waits up to a second before it is
//! told, so that Docker's word on the task has come in and the kernel is asked
//! about the taps once for all of it.

mod options;
mod report;

pub use options::Args;

use crate::flow::{Correlator, Flow, Options};
use crate::output::rst::{ends_a_flow, is_of_swarm};
use crate::recording::Finding;
use crate::session::{Step, Trace, judge_all, monotonic_now};
use crate::sys::clock::Mono;
use anyhow::Result;
use report::Report;
use std::process::ExitCode;
use std::time::Duration;

/// Exit status where something was found and `--fail` is given.
const FOUND: u8 = 1;
/// How long what was found waits for what else is known of it.
const SETTLE: u64 = 1_000_000_000;
/// How many wait at most.
const WAITING: usize = 4096;

/// Connections are remembered this long, and this many of them: a reset that
/// comes later is told of without its beginning.
fn remembered() -> Options {
    Options {
        // A SYN-ACK is sent again after a second.
        idle: Duration::from_millis(1500),
        forget: Duration::from_secs(10 * 60),
        max_flows: 16_384,
        unknown_resets: true,
        failures_only: true,
        after_reset: Duration::from_secs(3),
        ..Options::default()
    }
}

impl Args {
    /// Watches until Ctrl-C, SIGTERM, `--count` or `--duration`.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let mut live = Trace::start(self.live()).await?;
        let mut report = Report::new(&self);
        report.announce(&live);
        let mut correlator = Correlator::new(&remembered());
        let mut waiting = Waiting::default();
        while !report.is_full() {
            match live.next().await? {
                Step::Events(events) => events.iter().for_each(|event| correlator.push(event)),
                Step::Tick { events, now, lost } => {
                    events.iter().for_each(|event| correlator.push(event));
                    correlator.record_lost(lost);
                    waiting.add(correlator.take_finished(Mono::from_ns(now)), now);
                    if waiting.is_due(now) {
                        self.tell(waiting.take(), &mut live, &mut report, now)?;
                    }
                    report.tick(now)?;
                }
                Step::Stop => break,
            }
        }
        let (rest, lost) = live.stop()?;
        rest.iter().for_each(|event| correlator.push(event));
        correlator.record_lost(lost);
        let statistics = correlator.statistics();
        let now = monotonic_now();
        waiting.add(correlator.take_finished(Mono::from_ns(now)), now);
        // What is left had too little time to fail.
        let answered_badly = |flow: &Flow| flow.packets.iter().any(ends_a_flow);
        waiting.add(correlator.finish().into_iter().filter(answered_badly), now);
        self.tell(waiting.take(), &mut live, &mut report, now)?;
        let found = report.finish(&live, &statistics, now)?;
        Ok(match found {
            0 => ExitCode::SUCCESS,
            _ if self.fail => ExitCode::from(FOUND),
            _ => ExitCode::SUCCESS,
        })
    }

    fn tell(
        &self,
        flows: Vec<Flow>,
        live: &mut Trace,
        report: &mut Report<'_>,
        now: u64,
    ) -> Result<()> {
        let timelines = (flows.iter())
            .filter(|flow| live.is_of_this_trace(flow) && !flow.is_for_others())
            .map(|flow| live.timeline(flow))
            .filter(|timeline| live.wants_client(timeline.client.ip()))
            .filter(|timeline| is_of_swarm(timeline) && live.wants(timeline))
            .collect();
        for judged in judge_all(timelines, live, now)? {
            let watched = judged.answer_watched;
            let found = Finding::of(judged.timeline, judged.verdict, judged.task_state);
            let Some(finding) = found else {
                continue;
            };
            if finding.is_uncertain(watched) {
                report.note_uncertain();
            } else if !report.is_full() && (finding.during_handshake || !self.handshake_only) {
                report.tell(&finding)?;
            }
        }
        report.name_gaps(live);
        Ok(())
    }
}

/// Flows that failed a moment ago.
#[derive(Default)]
struct Waiting {
    flows: Vec<Flow>,
    since: u64,
}

impl Waiting {
    fn add(&mut self, flows: impl IntoIterator<Item = Flow>, now: u64) {
        if self.flows.is_empty() {
            self.since = now;
        }
        self.flows.extend(flows);
    }

    fn is_due(&self, now: u64) -> bool {
        let waited = now.saturating_sub(self.since) >= SETTLE;
        !self.flows.is_empty() && (waited || self.flows.len() >= WAITING)
    }

    fn take(&mut self) -> Vec<Flow> {
        std::mem::take(&mut self.flows)
    }
}
