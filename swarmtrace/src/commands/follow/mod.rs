//! `swarmtrace follow`: the path of each connection, as it completes.

mod options;
mod report;

pub use options::{Args, Format};

use crate::flow::{Correlator, Flow, Options};
use crate::session::{Step, Trace, monotonic_now};
use crate::sys::clock::Mono;
use crate::timeline::Leg;
use anyhow::Result;
use report::Report;
use std::process::ExitCode;

impl Args {
    /// Traces until Ctrl-C, SIGTERM, `--count` or `--duration`.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let mut live = Trace::start(self.live()).await?;
        let mut report = Report::new(&self);
        report.announce(&live);
        let mut correlator = Correlator::new(&Options::default());
        while !report.is_full() {
            match live.next().await? {
                Step::Events(events) => events.iter().for_each(|event| correlator.push(event)),
                Step::Tick { events, now, lost } => {
                    events.iter().for_each(|event| correlator.push(event));
                    correlator.record_lost(lost);
                    report.tell_all(
                        correlator.take_finished(Mono::from_ns(now)),
                        &mut live,
                        now,
                    )?;
                }
                Step::Stop => break,
            }
        }
        let (rest, lost) = live.stop()?;
        rest.iter().for_each(|event| correlator.push(event));
        correlator.record_lost(lost);
        let statistics = correlator.statistics();
        // A connection that was given too little time has no story yet.
        let patience = Options::default().unanswered.as_nanos();
        let now = monotonic_now();
        let is_told = |flow: &Flow| {
            let age = now.saturating_sub(flow.first_time().unwrap_or(Mono::ZERO).ns());
            is_answered(flow) || u128::from(age) >= patience
        };
        let (told, unfinished): (Vec<Flow>, Vec<Flow>) =
            correlator.finish().into_iter().partition(is_told);
        report.tell_all(told, &mut live, now)?;
        report.finish(&live, &statistics, unfinished.len())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether anything came back.
pub(super) fn is_answered(flow: &Flow) -> bool {
    flow.packets.iter().any(|p| p.leg == Leg::Reply)
}
