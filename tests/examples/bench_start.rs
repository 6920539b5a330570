//! From the start of `swarmtrace follow` to the first packet that it saw, on a node
//! with 200 devices to tap, while connections come all the time. Needs root.
//!
//! `cargo run --release -p swarmtrace-tests --example bench_start [-- --json]`

use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use swarmtrace_tests::replica::{Replica, Side};
use swarmtrace_tests::trace::LIMIT;
use swarmtrace_tests::traffic::many;

/// `vote`'s published port.
const VOTE_PORT: u16 = 8080;
const ROUNDS: usize = 9;
/// Each with two ends.
const PAIRS: usize = 100;
/// A round without a connection to see is no measurement.
const ROUND_LIMIT: Duration = Duration::from_secs(20);

fn main() {
    let replica = Replica::start();
    let node = replica.node(Side::A);
    add_devices(&replica);
    let stop = AtomicBool::new(false);
    let took = std::thread::scope(|scope| {
        let traffic = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                many(replica.client(), (Side::A.front(), VOTE_PORT), 1, 1);
            }
        });
        let mut took: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let begun = monotonic_ns();
                let arguments = ["follow", "--port", "8080", "--count", "1", "-o", "json"];
                let ended = node.swarmtrace(arguments).wait(ROUND_LIMIT.max(LIMIT));
                let first = first_packet(&ended.expect_code(0).stdout);
                first.saturating_sub(begun) as f64 / 1e6
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        traffic.join().expect("the traffic did not panic");
        took.sort_by(f64::total_cmp);
        took
    });
    let round = |ms: f64| (ms * 10.0).round() / 10.0;
    let result = json!({
        "devices_added": 2 * PAIRS,
        "ms_to_first_packet": {
            "least": round(took[0]),
            "median": round(took[took.len() / 2]),
            "most": round(took[took.len() - 1]),
        },
        "rounds": ROUNDS,
    });
    println!("{result:#}");
}

/// Veth pairs of the kind that tasks have.
fn add_devices(replica: &Replica) {
    use std::fmt::Write as _;
    let mut batch = String::new();
    for number in 0..PAIRS {
        let _ = writeln!(
            batch,
            "link add veth{number}x type veth peer name veth{number}y\n\
             link set veth{number}x up\nlink set veth{number}y up"
        );
    }
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), batch).expect("write it");
    let mut ip = replica.node(Side::A).host().command("ip");
    let status = ip.arg("-batch").arg(file.path()).status();
    assert!(status.expect("run ip").success(), "make the devices");
}

/// When the first hop of the earliest timeline was seen.
fn first_packet(printed: &str) -> u64 {
    let lines = printed.lines().filter_map(|l| serde_json::from_str(l).ok());
    let first = |line: Value| line["hops"].as_array()?.first()?["time_ns"].as_u64();
    let found = lines.filter_map(first).min();
    found.expect("a timeline with a hop")
}

/// The clock that events are stamped with.
fn monotonic_ns() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    let now = now.expect("the clock can be read");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}
