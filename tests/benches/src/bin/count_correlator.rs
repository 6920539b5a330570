//! A fixed amount of work for an instruction counter: the events of that many
//! connections pushed through a correlator (`push`), and every timeline made of them
//! (`tell`). Nothing is timed.
//!
//!     cargo run --release -p benches --bin count_correlator -- tell 1000

use std::process::ExitCode;
use swarmtrace::flow::{Correlator, Options};
use swarmtrace::sys::clock::{Mono, Nanos};
use swarmtrace_common::PacketEvent;
use synthetic::{At, Connection, Ending, ROUTES, topology};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (tell, connections) = match &arguments[..] {
        [stage, count] if stage == "push" || stage == "tell" => {
            (stage == "tell", count.parse::<u32>().unwrap_or(0))
        }
        _ => (false, 0),
    };
    if connections == 0 {
        eprintln!("error: push or tell, and a number of connections, are needed");
        return ExitCode::from(2);
    }
    let mut correlator = Correlator::new(&Options::default());
    let names = topology(At::A);
    let (mut events, mut hops) = (0, 0);
    for seed in 0..connections {
        let route = ROUTES[seed as usize % ROUTES.len()];
        let mut connection = Connection::new(route, Ending::Closed, seed);
        connection.start += u64::from(seed) * 1_000_000_000;
        let made: Vec<PacketEvent> = connection.events();
        events += made.len();
        for event in &made {
            correlator.push(event);
        }
        if tell {
            for flow in correlator.take_finished(Mono::from_ns(connection.start)) {
                hops += flow.timeline(&names, Nanos::ZERO).hops.len();
            }
        }
    }
    println!("{{\"events\": {events}, \"hops\": {hops}}}");
    ExitCode::SUCCESS
}
