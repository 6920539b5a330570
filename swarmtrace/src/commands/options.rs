//! Options that several commands have: which connections, for how long, with how much
//! effort, and how to print.

use crate::capture::POLL;
use crate::output::notes;
use crate::selection::Wanted;
use crate::session::{TraceLimits, TraceOptions};
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;
use swarmtrace_common::Mode;

pub use crate::output::OutputFormat;

/// Which connections, how many of them, and for how long.
#[derive(clap::Args, Clone, Debug)]
pub struct Selection {
    /// Trace this service; may be given more than once. Default: every service
    #[arg(long, short, value_name = "NAME")]
    pub service: Vec<String>,
    /// Only connections to this port: a published port, or a task's own port
    ///
    /// Docker knows which port of the task a published one leads to. Without
    /// Docker a connection to a port of mode=host is not followed beyond the
    /// node's DNAT: leave --port out, or give the task's own port.
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
}

/// How many of the connections are traced.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Sampling {
    /// Trace only a part of the connections: 1/10 is one in ten
    #[arg(long, value_name = "1/N", value_parser = parse_sample, default_value = "1/1", hide_default_value = true)]
    pub sample: u32,
}

/// How the kernel side works.
#[derive(clap::Args, Clone, Debug)]
pub struct Tuning {
    /// Size of the ring buffer between kernel and user space: 64K to 1G, a power of two
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, default_value = "16M")]
    pub buffer: u32,
    /// Print what is being done, the kernel side's own messages included
    #[arg(long, short)]
    pub verbose: bool,
}

impl Selection {
    /// A trace of these connections.
    pub fn trace(&self, mode: Mode, tuning: &Tuning) -> TraceOptions {
        TraceOptions {
            wanted: Wanted {
                services: self.service.clone(),
                port: self.port,
                network: self.network.clone(),
                clients: self.client.clone(),
            },
            whole_swarm: false,
            mode,
            sample: 1,
            ring_bytes: tuning.buffer,
            poll: POLL,
            verbose: tuning.verbose,
        }
    }

    /// When that trace ends.
    pub fn limits(&self) -> TraceLimits {
        TraceLimits {
            count: self.count,
            duration: self.duration,
            command: Vec::new(),
        }
    }

    /// What is traced, in a few words: `vote:8080 on overlay1`.
    pub fn what(&self) -> String {
        notes::what(&self.service, self.port, self.network.as_deref())
    }
}

fn parse_cidr(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "expected an address or a network, like 192.0.2.10 or 192.0.2.0/24".to_owned())
}

fn parse_duration(text: &str) -> Result<Duration, String> {
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

fn parse_bytes(text: &str) -> Result<u32, String> {
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

pub fn parse_percent(text: &str) -> Result<f64, String> {
    text.strip_suffix('%')
        .and_then(|number| number.trim().parse::<f64>().ok())
        .filter(|number| (0.0..=1000.0).contains(number))
        .map(|number| number / 100.0)
        .ok_or_else(|| "expected a percentage, like 10%".to_owned())
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

    #[test]
    fn a_tolerance_is_a_percentage() {
        assert_eq!(parse_percent("10%"), Ok(0.1));
        assert_eq!(parse_percent("0%"), Ok(0.0));
        for bad in ["10", "%", "-1%", "ten%", "nan%", "1e9%"] {
            assert!(parse_percent(bad).is_err(), "{bad}");
        }
    }
}
