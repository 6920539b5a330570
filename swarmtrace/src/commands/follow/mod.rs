//! `swarmtrace follow`: the path of each connection, as it completes.

mod options;
mod report;

pub use options::{FollowOptions, Format};

use super::live::{Live, Step};
use crate::timeline::{Correlator, Flow, Options};
use anyhow::Result;
use report::Report;
use std::time::Duration;

/// Traces until Ctrl-C, SIGTERM, `--count` or `--duration`.
pub async fn run(options: FollowOptions) -> Result<()> {
    let mut live = Live::start(&options.live()).await?;
    let mut report = Report::new(&options);
    live.announce();
    let mut correlator = Correlator::new(&Options::default());
    let unanswered = Options::default().unanswered;
    while !report.is_full() {
        match live.next(options.duration).await? {
            Step::Events(events) => events.iter().for_each(|event| correlator.push(event)),
            Step::Tick { now, lost } => {
                correlator.note_lost(lost);
                for flow in correlator.take_finished(now) {
                    report.tell(&flow, &live)?;
                }
            }
            Step::Stop => break,
        }
    }
    let (rest, lost) = live.stop()?;
    rest.iter().for_each(|event| correlator.push(event));
    correlator.note_lost(lost);
    let now = super::live::monotonic_now();
    for flow in correlator.finish() {
        // A connection that was given too little time has no story yet.
        let is_young = |f: &Flow| now.saturating_sub(first_time(f)) < nanos(unanswered);
        if is_young(&flow) && !flow.is_answered() {
            report.count_unfinished();
        } else {
            report.tell(&flow, &live)?;
        }
    }
    report.finish(&live, &correlator.statistics())
}
