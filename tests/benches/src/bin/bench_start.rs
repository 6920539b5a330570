//! From the start of `swarmtrace follow` to the first packet that it saw, on a node
//! with over 200 devices to tap, while as many connections come as the processors
//! can take. Needs root.
//!
//! `cargo run --release -p benches --bin bench_start`

use bed::traffic::many;
use replica::trace::LIMIT;
use replica::{Replica, Side};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// `vote`'s published port.
const VOTE_PORT: u16 = 8080;
const ROUNDS: usize = 9;
/// Devices that are tapped besides those of the replica.
const DEVICES: usize = 200;
/// A round without a connection to see is no measurement.
const ROUND_LIMIT: Duration = Duration::from_secs(20);

fn main() {
    let replica = Replica::start();
    let node = replica.node(Side::A);
    add_devices(&replica);
    let stop = AtomicBool::new(false);
    let (took, tapped) = std::thread::scope(|scope| {
        let traffic = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                many(replica.client(), (Side::A.front(), VOTE_PORT), 50, 8);
            }
        });
        let mut tapped = usize::MAX;
        let mut took: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let begun = monotonic_ns();
                let arguments = ["follow", "--port", "8080", "--count", "1", "-o", "json"];
                let ended = node.swarmtrace(arguments).wait(ROUND_LIMIT.max(LIMIT));
                let first = first_packet(&ended.expect_code(0).stdout);
                tapped = tapped.min(devices_tapped(&ended.stderr));
                first.saturating_sub(begun) as f64 / 1e6
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        traffic.join().expect("the traffic did not panic");
        took.sort_by(f64::total_cmp);
        (took, tapped)
    });
    assert!(tapped > DEVICES, "only {tapped} devices were tapped");
    let round = |ms: f64| (ms * 10.0).round() / 10.0;
    let result = json!({
        "devices_tapped": tapped,
        "ms_to_first_packet": {
            "least": round(took[0]),
            "median": round(took[took.len() / 2]),
            "most": round(took[took.len() - 1]),
        },
        "rounds": ROUNDS,
    });
    println!("{result:#}");
}

/// Ports of `docker_gwbridge`, of the kind that tasks have there.
fn add_devices(replica: &Replica) {
    use std::fmt::Write as _;
    // A bridge takes the lowest address of its ports, unless it was given one: the
    // sandboxes would go on to send to the one that it had.
    let mut batch = String::from("link set docker_gwbridge address 02:42:00:00:00:01\n");
    for number in 0..DEVICES {
        let _ = writeln!(
            batch,
            "link add veth{number}x type veth peer name veth{number}y\n\
             link set veth{number}x up master docker_gwbridge\nlink set veth{number}y up"
        );
    }
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), batch).expect("write it");
    let mut ip = replica.node(Side::A).host().command("ip");
    let status = ip.arg("-batch").arg(file.path()).status();
    assert!(status.expect("run ip").success(), "make the devices");
}

/// `… 229 devices tapped in …`
fn devices_tapped(said: &str) -> usize {
    let words: Vec<&str> = said.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "devices");
    let count = at.and_then(|at| words.get(at.checked_sub(1)?)?.parse().ok());
    count.expect("it says how many devices it has tapped")
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
