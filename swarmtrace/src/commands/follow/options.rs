//! The options of `follow`, and what they ask for.

use crate::commands::options::{Selection, Tuning};
use crate::session::TraceOptions;
use clap::ValueEnum;
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
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// Leave the way back out
    #[arg(long)]
    pub no_reply: bool,
    /// Print no timelines, only the latency table at the end
    #[arg(long, short)]
    pub quiet: bool,
    /// Report every packet, not just SYN, SYN-ACK, first data, FIN and RST
    #[arg(long)]
    pub all_packets: bool,
    /// With how much effort
    #[command(flatten)]
    pub tuning: Tuning,
}

/// How `follow` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Args {
    /// The trace that these options ask for.
    pub fn live(&self) -> TraceOptions {
        let mode = if self.all_packets {
            Mode::AllPackets
        } else {
            Mode::Transitions
        };
        self.selection.live(mode, &self.tuning)
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
