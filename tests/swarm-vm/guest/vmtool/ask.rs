//! A load of single questions: each is a connection, or a datagram from a port, of
//! its own, one after the other, so that what it costs to open a flow is what is
//! measured.

use crate::client::{bad, fetch, resolve, seconds};
use std::io;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(2);

/// When to stop asking.
enum Until {
    Count(u32),
    Time(Duration),
}

impl Until {
    fn parse(text: &str) -> io::Result<Self> {
        match text.strip_suffix('s') {
            Some(time) => seconds(time).map(Self::Time),
            None => text
                .parse()
                .map(Self::Count)
                .map_err(|_| bad(format!("{text}: neither a number nor seconds such as 5s"))),
        }
    }
}

/// `vmtool ask`: prints one line of `name=value`.
pub fn run(protocol: &str, host: &str, port: &str, how_much: &str) -> io::Result<()> {
    let until = Until::parse(how_much)?;
    let target = format!("{host}:{port}");
    let address = resolve(&target)?;
    let ask = || match protocol {
        "tcp" => fetch(&target, "/", LIMIT).map(|_| ()),
        "udp" => {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.connect(address)?;
            socket.set_read_timeout(Some(LIMIT))?;
            socket.send(b"question")?;
            socket.recv(&mut [0; 2048]).map(|_| ())
        }
        _ => Err(bad(format!("{protocol}: tcp or udp"))),
    };
    let (mut asked, mut failed) = (0, 0);
    let mut took = Vec::new();
    let since = Instant::now();
    while match until {
        Until::Count(count) => asked < count,
        Until::Time(time) => since.elapsed() < time,
    } {
        asked += 1;
        let begun = Instant::now();
        match ask() {
            Ok(()) => took.push(begun.elapsed()),
            Err(error) => {
                failed += 1;
                eprintln!("vmtool: question {asked}: {error}");
            }
        }
    }
    let spent = since.elapsed().as_secs_f64();
    took.sort();
    let at = |percent: usize| {
        let index = took.len().saturating_sub(1) * percent / 100;
        took.get(index).map_or(0, Duration::as_micros)
    };
    println!(
        "answered={} failed={failed} seconds={spent:.3} p50_us={} p99_us={}",
        took.len(),
        at(50),
        at(99)
    );
    Ok(())
}
