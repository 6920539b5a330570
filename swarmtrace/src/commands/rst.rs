//! `swarmtrace rst`: every reset and silent death of the node's Swarm traffic.
//!
//! Cheap enough to be left on: the kernel side reports handshakes, resets and
//! ICMP errors and turns everything else away at the first look; here only what
//! failed becomes a timeline.

use super::options::{OutputFormat, Selection, Tuning};
use crate::flow::Options;
use crate::output::notes::{Gaps, announce};
use crate::output::rst::FindingPrinter;
use crate::recording::Finding;
use crate::session::{Driver, DriverOptions, Item, TICK, TraceOptions};
use anyhow::Result;
use std::process::ExitCode;
use std::time::Duration;
use swarmtrace_common::Mode;

/// Exit status where something was found and `--fail` is given.
const FOUND: u8 = 1;
/// How long a failure waits for what else becomes known of it.
const SETTLE: Duration = Duration::from_secs(1);

/// Reports every connection that was reset, refused or never answered
///
/// Watches all Swarm traffic of this node, at a cost low enough to leave on, and
/// reports for each failure where it began (the first tap that saw the reset, or
/// the namespace whose kernel reports sending it), which side sent it, whether
/// during the handshake or later, what the task was doing at that moment, and what
/// went wrong. A SYN that was not answered, or was sent again, is reported with the
/// last hop that saw it. Repeats of one failure are counted.
///
/// Reads only handshakes, resets and ICMP errors. It does not read FINs, so it also
/// reports a reset after both FINs; a reset of a connection that began before the
/// trace is reported with only what that packet shows.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_long_help = EXAMPLES,
    mut_arg("count", |arg| arg.help("Stop after this many failures")),
    mut_arg("buffer", |arg| arg.default_value("4M"))
)]
pub struct Args {
    /// Which connections
    #[command(flatten)]
    pub selection: Selection,
    /// Only failures of the handshake: refused, unanswered, answered with an error
    #[arg(long)]
    pub handshake_only: bool,
    /// How to print: text shows the first of each kind in full, json every one, a line each
    #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    /// Exit with status 1 if anything was found
    #[arg(long)]
    pub fail: bool,
    /// How the kernel side works
    #[command(flatten)]
    pub tuning: Tuning,
}

impl Args {
    /// Watches until Ctrl-C, SIGTERM, `--count` or `--duration`.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let mut driver = Driver::live(self.trace(), self.driver()).await?;
        let mut gaps = Gaps::default();
        gaps.name(driver.trace());
        let what = format!("resets and silent connections of {}", self.selection.what());
        announce(&what, driver.trace(), "; Ctrl-C ends it");
        let mut printer = FindingPrinter::new(self.output);
        while let Some(item) = driver.next().await? {
            let judged = match item {
                Item::Timeline(judged) => *judged,
                Item::Tick(now) => {
                    gaps.name(driver.trace());
                    printer.tick(now)?;
                    continue;
                }
            };
            let watched = judged.answer_watched;
            let finding = Finding::of(judged.timeline, judged.verdict, judged.task_state);
            match finding {
                Some(finding) if finding.is_uncertain(watched) => printer.count_uncertain(),
                Some(finding) if finding.during_handshake || !self.handshake_only => {
                    driver.count();
                    printer.print(&finding)?;
                }
                _ => {}
            }
        }
        gaps.name(driver.trace());
        printer.finish(driver.figures(), gaps.named())?;
        Ok(match printer.found() {
            0 => ExitCode::SUCCESS,
            _ if self.fail => ExitCode::from(FOUND),
            _ => ExitCode::SUCCESS,
        })
    }

    fn trace(&self) -> TraceOptions {
        TraceOptions {
            whole_swarm: true,
            // A failure waits much longer before it is printed: each look at the
            // ring buffer that finds nothing is one too many on a node where this
            // is left on.
            poll: TICK,
            ..self.selection.trace(Mode::Handshakes, &self.tuning)
        }
    }

    /// Connections are remembered for ten minutes, and 16,384 of them: a reset that
    /// comes later is reported without its beginning.
    fn driver(&self) -> DriverOptions {
        DriverOptions {
            limits: self.selection.limits(),
            flows: Options {
                // A SYN-ACK is sent again after a second.
                idle: Duration::from_millis(1500),
                forget: Duration::from_mins(10),
                max_flows: 16_384,
                unknown_resets: true,
                failures_only: true,
                after_reset: Duration::from_secs(3),
                ..Options::default()
            },
            settle: SETTLE,
            complete: false,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  Everything that is reset or never answered on this node, until Ctrl-C:
      swarmtrace rst
  Does a rolling update of service vote break connections?
      swarmtrace rst --service vote --duration 2m --fail
  Refused or unanswered handshakes alone, for a script:
      swarmtrace rst --handshake-only --output json

Exit status: 0; with --fail 1 if anything was found; 2 if it could not trace.";
