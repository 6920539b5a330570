//! An hour of traffic, 50 million events, pushed through one correlator as fast as it
//! takes them: does what it keeps stay the same? One JSON object; exit code 1 if the
//! memory grew.
//!
//!     cargo run --release -p benches --bin bench_soak

use nix::time::{ClockId, clock_gettime};
use std::process::ExitCode;
use std::time::Duration;
use swarmtrace::flow::{Correlator, Options};
use swarmtrace::sys::clock::Mono;
use swarmtrace_common::PacketEvent;
use synthetic::{Connection, Ending, ROUTES};

const EVENTS: u64 = 50_000_000;
const HOUR_NS: u64 = 3_600_000_000_000;
/// Connections made at once: what is made ahead is not to outweigh what is measured.
const BATCH: u32 = 1000;
/// How much more at the end than after six tenths is still the same: connections
/// that nobody closed are remembered for half an hour, so until then it grows.
const FLAT: f64 = 1.02;
const SETTLED: usize = 5;

fn main() -> ExitCode {
    let sample: usize = (0..1000)
        .map(|seed| connection(seed, 0).events().len())
        .sum();
    let flows = (EVENTS * 1000 / sample as u64) as u32;
    let apart = HOUR_NS / u64::from(flows);

    let mut correlator = Correlator::new(&Options::default());
    let mut stream: Vec<PacketEvent> = Vec::new();
    let (mut pushed, mut told, mut busy) = (0u64, 0u64, 0.0);
    let mut kept = Vec::new();
    let mut resident = Vec::new();
    let mut seed = 0;
    while pushed < EVENTS {
        for _ in 0..BATCH {
            stream.extend(connection(seed, apart).events());
            seed += 1;
        }
        stream.sort_by_key(|event| event.time);
        // What begins later may come before what these end with.
        let until = apart * u64::from(seed);
        let ready = stream.partition_point(|event| event.time < until);
        let since = processor_time();
        for event in &stream[..ready] {
            correlator.push(event);
        }
        told += correlator.take_finished(Mono::from_ns(until)).len() as u64;
        busy += processor_time() - since;
        stream.drain(..ready);
        pushed += ready as u64;
        if pushed * 10 / EVENTS > kept.len() as u64 {
            kept.push(correlator.statistics().bytes);
            resident.push(resident_kib());
        }
    }

    let statistics = correlator.statistics();
    let of = |values: &[u64], index: usize| values.get(index).copied().unwrap_or(0) as f64;
    let settled = of(&resident, SETTLED);
    let last = of(&resident, resident.len() - 1);
    let grew = last / settled.max(1.0);
    let report = serde_json::json!({
        "events": pushed,
        "flows": seed,
        "told": told,
        "unplaced": statistics.unplaced,
        "evicted": statistics.evicted,
        "live_at_end": statistics.live,
        "events_per_second": (pushed as f64 / busy) as u64,
        "kept_bytes_after_each_tenth": kept,
        "resident_kib_after_each_tenth": resident,
        "resident_growth_once_settled": grew,
    });
    println!("{report:#}");
    if grew > FLAT {
        eprintln!("error: the memory grew from {settled} to {last} KiB");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Connection number `seed`: most end as they should, some never do.
fn connection(seed: u32, apart: u64) -> Connection {
    let ending = match seed % 50 {
        0 => Ending::Refused,
        1 => Ending::Unanswered,
        2 => Ending::Reset,
        3 => Ending::Idle,
        4 => Ending::Open,
        _ => Ending::Closed,
    };
    let route = ROUTES[(seed / 50) as usize % ROUTES.len()];
    let mut connection = Connection::new(route, ending, seed);
    connection.start = apart * u64::from(seed);
    connection
}

/// Memory of this process that is in RAM.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let digits = line.and_then(|l| l.split_whitespace().next());
    digits.and_then(|d| d.parse().ok()).unwrap_or(0)
}

/// Seconds that this thread has run.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("the clock can be read");
    Duration::from(time).as_secs_f64()
}
