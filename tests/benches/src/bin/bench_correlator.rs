//! How fast the correlator is and how much it keeps: one JSON object. Rates are
//! by this thread's processor time, so that a busy machine does not count.
//!
//!     cargo run --release -p benches --bin bench_correlator

use nix::time::{ClockId, clock_gettime};
use std::time::Duration;
use swarmtrace::flow::{Correlator, Options};
use swarmtrace::sys::clock::{Mono, Nanos};
use swarmtrace_common::PacketEvent;
use synthetic::{At, Connection, Ending, ROUTES, topology};

fn main() {
    let flows = 40_000u32;
    let mut events: Vec<PacketEvent> = (0..flows)
        .flat_map(|seed| {
            let route = ROUTES[seed as usize % ROUTES.len()];
            let mut connection = Connection::new(route, Ending::Open, seed);
            connection.start += u64::from(seed) * 40_000;
            connection.events()
        })
        .collect();
    events.sort_by_key(|event| event.time);

    let options = Options::default();
    let mut best = f64::INFINITY;
    let mut told = 0;
    let mut statistics = swarmtrace::flow::Statistics::default();
    for _ in 0..5 {
        let mut correlator = Correlator::new(&options);
        let start = processor_time();
        for event in &events {
            correlator.push(event);
        }
        best = best.min(processor_time() - start);
        statistics = correlator.statistics();
        told = correlator.finish().len();
    }

    let mut correlator = Correlator::new(&options);
    let mut next = 0;
    let mut printed = Vec::new();
    let start = processor_time();
    for event in &events {
        correlator.push(event);
        if event.time >= next {
            printed.extend(correlator.take_finished(Mono::of(event)));
            next = event.time + 50_000_000;
        }
    }
    let with_take = processor_time() - start;

    let names = topology(At::A);
    let start = processor_time();
    let hops: usize = printed
        .iter()
        .map(|flow| flow.timeline(&names, Nanos::ZERO).hops.len())
        .sum();
    let timelines = processor_time() - start;

    let report = serde_json::json!({
        "events": events.len(),
        "flows": flows,
        "told": told,
        "events_per_second": (events.len() as f64 / best) as u64,
        "events_per_second_telling": (events.len() as f64 / with_take) as u64,
        "nanoseconds_per_event": best * 1e9 / events.len() as f64,
        "sightings_per_flow": statistics.sightings as f64 / statistics.live.max(1) as f64,
        "bytes_per_flow": statistics.bytes as f64 / statistics.live.max(1) as f64,
        "timelines_per_second": (printed.len() as f64 / timelines) as u64,
        "hops": hops,
        "unplaced": statistics.unplaced,
    });
    println!("{report:#}");
}

/// Seconds that this thread has run.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("the clock can be read");
    Duration::from(time).as_secs_f64()
}
