//! How the words of `follow`'s options are read, and what they ask for.

use crate::commands::live::LiveOptions;
use crate::selection::Wanted;
use clap::ValueEnum;
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;
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
    /// Trace this service; may be given more than once. Default: every service
    #[arg(long, short, value_name = "NAME")]
    pub service: Vec<String>,
    /// Only connections to this port: a published port, or a task's own port
    ///
    /// Docker tells which port of the task belongs to a published one. Without
    /// Docker a connection to a port of mode=host is lost from sight behind the
    /// node's DNAT: leave --port out, or name the task's own port.
    #[arg(long, short, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Only traffic that stays inside this overlay network
    #[arg(long, short, value_name = "NAME")]
    pub network: Option<String>,
    /// Only connections from this address or network; may be given more than once
    #[arg(long, value_name = "CIDR", value_parser = parse_cidr)]
    pub client: Vec<IpNet>,
    /// Stop after this many connections
    #[arg(long, short = 'c', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Stop after this long: 30s, 5m, 1h30m
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<Duration>,
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
    /// Trace only a part of the connections: 1/10 is one in ten
    #[arg(long, value_name = "1/N", value_parser = parse_sample, default_value = "1/1", hide_default_value = true)]
    pub sample: u32,
    /// Size of the ring buffer between kernel and user space: 64K to 1G, a power of two
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, default_value = "16M")]
    pub buffer: u32,
    /// Say what is being done, the kernel side's own messages included
    #[arg(long, short)]
    pub verbose: bool,
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
    pub fn live(&self) -> LiveOptions {
        LiveOptions {
            wanted: Wanted {
                services: self.service.clone(),
                port: self.port,
                network: self.network.clone(),
                clients: self.client.clone(),
            },
            unselected: false,
            mode: if self.all_packets {
                Mode::AllPackets
            } else {
                Mode::Transitions
            },
            sample: self.sample,
            ring_bytes: self.buffer,
            verbose: self.verbose,
            duration: self.duration,
        }
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

pub(in crate::commands) fn parse_cidr(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "expected an address or a network, like 192.0.2.10 or 192.0.2.0/24".to_owned())
}

pub(in crate::commands) fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|_| "expected a time with its unit, like 30s, 5m or 1h30m".to_owned())?;
    if duration.is_zero() {
        return Err("expected more than no time at all".to_owned());
    }
    Ok(duration)
}

fn parse_sample(text: &str) -> Result<u32, String> {
    text.strip_prefix("1/")
        .and_then(|n| n.parse::<u32>().ok())
        .filter(|n| *n > 0)
        .ok_or_else(|| "expected a fraction like 1/10".to_owned())
}

pub(in crate::commands) fn parse_bytes(text: &str) -> Result<u32, String> {
    let expected = || "expected a power of two between 64K and 1G, like 16M".to_owned();
    let unit = |suffix: char| match suffix.to_ascii_uppercase() {
        'K' => Some(1 << 10),
        'M' => Some(1 << 20),
        'G' => Some(1 << 30),
        _ => None,
    };
    let (digits, factor) = match text.chars().last().and_then(unit) {
        Some(factor) => (&text[..text.len() - 1], factor),
        None => (text, 1),
    };
    let bytes = digits
        .parse::<u32>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .ok_or_else(expected)?;
    let fits = bytes.is_power_of_two() && (1 << 16..=1 << 30).contains(&bytes);
    if fits { Ok(bytes) } else { Err(expected()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_or_refused_with_what_was_expected() {
        assert_eq!(parse_sample("1/10"), Ok(10));
        assert!(parse_sample("10").is_err() && parse_sample("1/0").is_err());
        assert_eq!(parse_bytes("64K"), Ok(65536));
        assert_eq!(parse_bytes("1g"), Ok(1 << 30));
        for bad in ["", "K", "3M", "4K", "4G", "é", "16 M"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_duration("1m30s"), Ok(Duration::from_secs(90)));
        assert!(parse_duration("0s").is_err() && parse_duration("soon").is_err());
        assert_eq!(
            parse_cidr("192.0.2.10").map(|n| n.to_string()),
            Ok("192.0.2.10/32".into())
        );
        assert!(parse_cidr("vote").is_err());
    }
}
