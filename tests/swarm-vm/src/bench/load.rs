//! The loads: requests over standing connections, a connection for each request, and
//! UDP questions; and what their generators measured.

use anyhow::{Context, Result, bail};

use crate::{Node, Vm};

/// What asks, from outside of both nodes through the routing mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// wrk over eight connections that stay.
    Requests,
    /// wrk over a connection for each request.
    Connections,
    /// One UDP question after the other, each from a port of its own.
    Udp,
}

/// How it went.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Went {
    /// Answers.
    pub answered: u64,
    /// Questions without one, and broken connections.
    pub failed: u64,
    /// Answers a second.
    pub per_second: f64,
    /// Half were answered within this many milliseconds.
    pub p50_ms: f64,
    /// And 99 % within this.
    pub p99_ms: f64,
    /// Processor time of the whole VM for an answer, in milliseconds: clients,
    /// servers, kernel and whoever watches.
    pub processor_ms: f64,
}

impl Load {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Requests, Self::Connections, Self::Udp];

    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests over 8 connections",
            Self::Connections => "a connection for each request",
            Self::Udp => "UDP questions",
        }
    }

    fn command(self, seconds: u8) -> String {
        let mesh = Node::A.address();
        match self {
            Self::Requests => format!("wrk -t1 -c8 -d{seconds}s --latency http://{mesh}:8080/"),
            Self::Connections => format!(
                "wrk -t1 -c4 -d{seconds}s --latency -H 'Connection: close' http://{mesh}:8080/"
            ),
            Self::Udp => format!("vmtool ask udp {mesh} 9053 {seconds}s"),
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// Errors if nothing is answered, or the generator prints something unexpected.
    pub fn run(self, vm: &Vm, seconds: u8) -> Result<Went> {
        let script = format!(
            "head -n 1 /proc/stat; {}; head -n 1 /proc/stat",
            self.command(seconds)
        );
        let printed = vm.sh(Node::Vm, &script)?;
        self.parse(&printed)
            .with_context(|| format!("{}: {printed}", self.name()))
    }

    fn parse(self, printed: &str) -> Result<Went> {
        let mut went = match self {
            Self::Requests | Self::Connections => of_wrk(printed)?,
            Self::Udp => of_ask(printed)?,
        };
        if went.answered == 0 {
            bail!("nothing was answered");
        }
        let busy: Vec<f64> = printed.lines().filter_map(busy_ms).collect();
        let [before, after] = busy[..] else {
            bail!("no processor times");
        };
        went.processor_ms = (after - before) / went.answered as f64;
        Ok(went)
    }
}

/// Asks `count` times over TCP or UDP, each a flow of its own.
///
/// # Errors
/// Errors if one is not answered.
pub fn ask(vm: &Vm, protocol: &str, count: u32) -> Result<()> {
    let port = if protocol == "udp" { 9053 } else { 8080 };
    let mesh = Node::A.address();
    let printed = vm.sh(
        Node::Vm,
        &format!("vmtool ask {protocol} {mesh} {port} {count}"),
    )?;
    let went = of_ask(&printed)?;
    if went.failed > 0 {
        bail!("{} of {count} {protocol} questions failed", went.failed);
    }
    Ok(())
}

/// The time that the processors were not idle, of `/proc/stat`'s first line, whose
/// unit is a hundredth of a second (proc(5), `USER_HZ`).
fn busy_ms(line: &str) -> Option<f64> {
    let columns = line.strip_prefix("cpu ")?.split_whitespace();
    let ticks: Vec<f64> = columns.filter_map(|c| c.parse().ok()).collect();
    // guest times, from the ninth, are part of user's.
    let all: f64 = ticks.iter().take(8).sum();
    Some((all - ticks.get(3)? - ticks.get(4)?) * 10.0)
}

fn of_wrk(printed: &str) -> Result<Went> {
    let mut went = Went::default();
    for line in printed.lines().map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["50%", time] => went.p50_ms = milliseconds(time)?,
            ["99%", time] => went.p99_ms = milliseconds(time)?,
            [count, "requests", "in", ..] => went.answered = count.parse()?,
            ["Requests/sec:", rate] => went.per_second = rate.parse()?,
            ["Socket", "errors:", ..] => {
                let counts = words.iter().map(|w| w.trim_end_matches(','));
                went.failed += counts.filter_map(|w| w.parse::<u64>().ok()).sum::<u64>();
            }
            ["Non-2xx", .., count] => went.failed += count.parse::<u64>()?,
            _ => {}
        }
    }
    Ok(went)
}

/// `1.25ms`, `830.00us`, `1.02s`
fn milliseconds(text: &str) -> Result<f64> {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let factor = match &text[digits.len()..] {
        "us" => 0.001,
        "ms" => 1.0,
        "s" => 1000.0,
        "m" => 60_000.0,
        _ => bail!("{text}: what time is that?"),
    };
    Ok(digits.parse::<f64>()? * factor)
}

fn of_ask(printed: &str) -> Result<Went> {
    let line = printed
        .lines()
        .find(|l| l.starts_with("answered="))
        .context("vmtool ask printed nothing")?;
    let value = |name: &str| -> Result<f64> {
        let found = line.split_whitespace().find_map(|word| {
            let (key, value) = word.split_once('=')?;
            (key == name).then_some(value)
        });
        Ok(found.with_context(|| format!("no {name}"))?.parse()?)
    };
    let answered = value("answered")?;
    Ok(Went {
        answered: answered as u64,
        failed: value("failed")? as u64,
        per_second: answered / value("seconds")?.max(0.001),
        p50_ms: value("p50_us")? / 1000.0,
        p99_ms: value("p99_us")? / 1000.0,
        processor_ms: 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRK: &str = "\
cpu  1000 0 1000 5000 0 0 100 0 0 0
Running 2s test @ http://192.168.90.1:8080/
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     4.58ms    1.11ms  14.23ms   81.41%
    Req/Sec     1.75k   120.10     1.96k    75.00%
  Latency Distribution
     50%  750.00us
     75%    5.02ms
     90%    5.88ms
     99%    1.02s
  200 requests in 2.01s, 0.55MB read
  Socket errors: connect 0, read 3, write 0, timeout 1
Requests/sec:    99.50
Transfer/sec:    280.97KB
cpu  1050 0 1040 5100 5 0 110 0 0 0
";

    #[test]
    fn wrk_is_understood() {
        let went = Load::Requests.parse(WRK).unwrap();
        let expected = Went {
            answered: 200,
            failed: 4,
            per_second: 99.5,
            p50_ms: 0.75,
            p99_ms: 1020.0,
            processor_ms: 5.0,
        };
        assert_eq!(went, expected);
    }

    #[test]
    fn questions_are_understood() {
        let printed = "cpu 0 0 0 0 0\nanswered=20 failed=1 seconds=2.000 p50_us=1500 p99_us=9000\n\
                    cpu 4 0 0 7 0\n";
        let went = Load::Udp.parse(printed).unwrap();
        assert_eq!((went.answered, went.failed), (20, 1));
        assert!((went.per_second - 10.0).abs() < 1e-9, "{went:?}");
        assert!((went.processor_ms - 2.0).abs() < 1e-9, "{went:?}");
    }

    #[test]
    fn silence_is_no_measurement() {
        let without = WRK.replace("200 requests", "0 requests");
        assert!(Load::Requests.parse(&without).is_err());
        assert!(Load::Udp.parse("cpu 1 1 1 1 1\n").is_err());
    }
}
