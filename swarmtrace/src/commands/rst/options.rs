//! `rst`'s options, and the trace that they ask for.

use crate::commands::follow::Format;
use crate::commands::options::{parse_bytes, parse_cidr, parse_duration};
use crate::selection::Wanted;
use crate::session::{TICK, TraceOptions};
use ipnet::IpNet;
use std::time::Duration;
use swarmtrace_common::Mode;

/// Reports every connection that was reset, refused or never answered
///
/// Watches all Swarm traffic of this node, at a cost low enough to leave on, and
/// says of each failure where it was born (the first tap that saw the reset, or
/// the namespace whose kernel says it sent it), which side sent it, whether during
/// the handshake or later, what the task was doing at that moment, and what went
/// wrong. SYNs that nothing answers, or that had to be sent again, are reported
/// with the last hop they were seen at. Repeats of one failure are counted.
///
/// Only handshakes, resets and ICMP errors are looked at. A connection's end is
/// not, so a reset after both ends have said goodbye is reported, too; and a reset
/// of a connection from before the trace is told with what it shows by itself.
#[derive(clap::Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Only connections to this service; may be given more than once
    #[arg(long, short, value_name = "NAME")]
    pub service: Vec<String>,
    /// Only connections to this port: a published port, or a task's own port
    #[arg(long, short, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Only traffic that stays inside this overlay network
    #[arg(long, short, value_name = "NAME")]
    pub network: Option<String>,
    /// Only connections from this address or network; may be given more than once
    #[arg(long, value_name = "CIDR", value_parser = parse_cidr)]
    pub client: Vec<IpNet>,
    /// Only failures of the handshake: refused, unanswered, answered with an error
    #[arg(long)]
    pub handshake_only: bool,
    /// Stop after this many failures
    #[arg(long, short = 'c', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Stop after this long: 30s, 5m, 1h30m
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// How to print: text shows the first of each kind in full, json every one, a line each
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// Exit with status 1 if anything was found
    #[arg(long)]
    pub fail: bool,
    /// Size of the ring buffer between kernel and user space: 64K to 1G, a power of two
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, default_value = "4M")]
    pub buffer: u32,
    /// Say what is being done, the kernel side's own messages included
    #[arg(long, short)]
    pub verbose: bool,
}

impl Args {
    /// The trace that these options ask for.
    pub fn live(&self) -> TraceOptions {
        TraceOptions {
            wanted: Wanted {
                services: self.service.clone(),
                port: self.port,
                network: self.network.clone(),
                clients: self.client.clone(),
            },
            unselected: true,
            mode: Mode::Handshakes,
            sample: 1,
            ring_bytes: self.buffer,
            // What failed waits much longer before it is told: each look that finds
            // nothing is one too many on a node where this is left on.
            poll: TICK,
            verbose: self.verbose,
            duration: self.duration,
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
