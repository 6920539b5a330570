//! `swarmtrace follow`: the path of each connection, as it completes.

use super::options::{OutputFormat, Sampling, Selection, Tuning};
use crate::output::notes::{Gaps, announce, last_line};
use crate::output::timeline::{TimelinePrinter, text};
use crate::output::{self, latency};
use crate::recording::{NodeLine, Summary, write_line};
use crate::session::{Driver, DriverOptions, Item, TraceOptions};
use crate::timeline::Histograms;
use anyhow::Result;
use std::process::ExitCode;
use swarmtrace_common::Mode;

/// Prints the path of each connection as it completes, hop by hop
///
/// Every hop with its time, what was rewritten there (DNAT, fwmark, the backend
/// that IPVS chose, SNAT, VXLAN, the task's REDIRECT), how that is known, and the
/// way back. A connection that failed says how far it got, what went wrong, on what
/// evidence, and how to confirm and mend it. On one node this is the part of the
/// path that the node sees, with the name of the node that the packet left for;
/// `swarmtrace join` puts two nodes' output together.
#[derive(clap::Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Which connections
    #[command(flatten)]
    pub selection: Selection,
    /// How to print: text for people, json for one timeline a line
    #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    /// Leave the way back out
    #[arg(long)]
    pub no_reply: bool,
    /// Print no timelines, only the latency table at the end
    #[arg(long, short)]
    pub quiet: bool,
    /// Report every packet, not just SYN, SYN-ACK, first data, FIN and RST
    #[arg(long)]
    pub all_packets: bool,
    /// How many of them
    #[command(flatten)]
    pub sampling: Sampling,
    /// How the kernel side works
    #[command(flatten)]
    pub tuning: Tuning,
}

impl Args {
    /// Traces until Ctrl-C, SIGTERM, `--count` or `--duration`.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let mut driver = Driver::live(self.trace(), self.driver()).await?;
        let mut gaps = Gaps::default();
        gaps.name(driver.trace());
        announce(&self.selection.what(), driver.trace(), "; Ctrl-C ends it");
        let printer = self.printer();
        let mut histograms = Histograms::new();
        while let Some(item) = driver.next().await? {
            let Item::Timeline(mut judged) = item else {
                gaps.name(driver.trace());
                continue;
            };
            if self.no_reply {
                judged.drop_reply();
            }
            if judged.timeline.revision == 0 {
                driver.count();
                histograms.add(&judged.timeline);
            }
            if !self.quiet {
                printer.print(&judged.into_line())?;
            }
        }
        gaps.name(driver.trace());
        let latencies = histograms.latencies();
        match self.output {
            OutputFormat::Json => {
                let node = driver.trace().map(|trace| write_line(&NodeLine::of(trace)));
                output::print(&node.transpose()?.unwrap_or_default())?;
                output::print(&write_line(&Summary {
                    latencies,
                    ..summary(&driver, &gaps)
                })?)?;
            }
            OutputFormat::Text if latencies.is_empty() => {}
            OutputFormat::Text => output::print(&latency::text::render(&latencies))?,
        }
        anstream::eprintln!("{}", last_line(driver.counted(), driver.figures()));
        Ok(ExitCode::SUCCESS)
    }

    fn trace(&self) -> TraceOptions {
        let mode = if self.all_packets {
            Mode::AllPackets
        } else {
            Mode::Transitions
        };
        TraceOptions {
            sample: self.sampling.sample,
            ..self.selection.trace(mode, &self.tuning)
        }
    }

    fn driver(&self) -> DriverOptions {
        DriverOptions {
            limits: self.selection.limits(),
            ..DriverOptions::default()
        }
    }

    fn printer(&self) -> TimelinePrinter {
        TimelinePrinter {
            format: self.output,
            text: text::Options {
                reply: !self.no_reply,
                all_packets: self.all_packets,
            },
        }
    }
}

/// The figures, as JSON's last line.
fn summary(driver: &Driver, gaps: &Gaps) -> Summary {
    let figures = driver.figures();
    Summary {
        node: figures.nodes.first().cloned().unwrap_or_default(),
        connections: driver.counted(),
        unfinished: figures.unfinished,
        events: figures.events,
        lost: figures.lost.unwrap_or_default(),
        lost_by_cpu: figures.lost_by_cpu.clone(),
        latencies: Vec::new(),
        gaps: gaps.named().map(str::to_owned).collect(),
    }
}

const EXAMPLES: &str = "\
Examples:
  Every connection to the published port 8080 of service vote:
      swarmtrace follow --service vote --port 8080
  Ten connections between containers, over one overlay network:
      swarmtrace follow --service redis --network overlay1 --count 10
  Latency of each hop over five minutes, no timelines:
      swarmtrace follow --service vote --port 8080 --duration 5m --quiet
  Both nodes, joined afterwards with 'swarmtrace join a.json b.json':
      swarmtrace follow --service vote --port 8080 --output json > a.json

It runs until Ctrl-C, --count or --duration, then prints the latency of each hop
and how many events were lost. Exit status 2: it could not trace, and why.";
