//! What tracing costs those who are traced: connections a second through the
//! replica's routing mesh, and requests a second over standing ones, untraced, with
//! `swarmtrace follow` on both nodes, with `swarmtrace rst` on both, and with tcpdump
//! in every namespace. In turn, so that the machine's own ups and downs meet all
//! alike: the figures are ratios to the untraced run of the same round. Both nodes,
//! the tracers, the servers and the clients share the machine's processors and
//! leave none of them idle. Needs root.
//!
//! `cargo run --release -p benches --bin bench_connections`

use bed::namespace::Namespace;
use bed::program::Running;
use bed::traffic::{many, standing};
use nix::sys::signal::Signal;
use replica::trace::{LIMIT, Trace};
use replica::{Replica, Side};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// `vote`'s published port.
const VOTE_PORT: u16 = 8080;
/// Many and short: here two measurements of the same differ by a tenth.
const ROUNDS: usize = 20;
/// Connections in a measurement, and how many there are at a time.
const CONNECTIONS: usize = 2000;
const AT_ONCE: usize = 16;
/// Requests over each standing connection.
const REQUESTS: usize = 400;

const MODES: [Mode; 4] = [Mode::Untraced, Mode::Rst, Mode::Follow, Mode::Tcpdump];

/// What goes on beside the load.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Untraced,
    Rst,
    Follow,
    Tcpdump,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Untraced => "untraced",
            Self::Rst => "rst",
            Self::Follow => "follow",
            Self::Tcpdump => "tcpdump",
        }
    }

    /// Starts it everywhere.
    fn start(self, replica: &Replica) -> Vec<Running> {
        match self {
            Self::Untraced => Vec::new(),
            Self::Rst => Side::BOTH.map(|side| rst(replica, side)).into(),
            Self::Follow => Side::BOTH.map(|side| follow(replica, side)).into(),
            Self::Tcpdump => replica.namespaces().map(|(_, n)| tcpdump(n)).collect(),
        }
    }
}

fn main() {
    let replica = Replica::start();
    // Neighbour entries, code and caches are warm before the first round.
    connections(&replica);
    let mut figures: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut measured: Vec<_> = MODES.map(|mode| (mode, [0.0; 3])).into();
        // Whoever comes first or last may gain or lose by it.
        measured.rotate_left(round % MODES.len());
        for (mode, figures) in &mut measured {
            *figures = measure(&replica, *mode);
        }
        let untraced = measured.iter().find(|(mode, _)| *mode == Mode::Untraced);
        let base = untraced.expect("one of the modes").1;
        for (mode, [connections, requests, processor]) in measured {
            let mut add = |what: &str, figure| {
                let name = format!("{}: {what}", mode.name());
                figures.entry(name).or_default().push(figure);
            };
            if mode == Mode::Untraced {
                add("connections_per_second", connections);
                add("requests_per_second", requests);
                continue;
            }
            add("ratio_of_connections", connections / base[0]);
            add("ratio_of_requests", requests / base[1]);
            add("processor_us_a_connection", processor);
        }
    }
    let mut result: Map<String, Value> = (figures.into_iter())
        .map(|(name, values)| (name, spread(values)))
        .collect();
    result.insert("rounds".into(), ROUNDS.into());
    result.insert("connections_a_round".into(), CONNECTIONS.into());
    println!("{:#}", Value::Object(result));
}

/// Connections a second, requests a second over standing ones, and what the mode's
/// processes take for a connection in microseconds.
fn measure(replica: &Replica, mode: Mode) -> [f64; 3] {
    let tracers = mode.start(replica);
    let processor_time = || -> Duration { tracers.iter().map(Running::processor_time).sum() };
    let before = processor_time();
    let connected = connections(replica);
    let taken = processor_time().saturating_sub(before);
    let asked = requests(replica);
    for tracer in &tracers {
        tracer.signal(Signal::SIGINT);
    }
    for tracer in tracers {
        tracer.wait(LIMIT).expect_code(0);
    }
    let each = taken.as_secs_f64() * 1e6 / CONNECTIONS as f64;
    [connected, asked, each]
}

/// Connections a second from outside to `vote`, on both nodes' tasks.
fn connections(replica: &Replica) -> f64 {
    let mesh = (Side::A.front(), VOTE_PORT);
    let since = Instant::now();
    let answered = many(replica.client(), mesh, CONNECTIONS, AT_ONCE);
    assert_eq!(answered, CONNECTIONS, "connections that were answered");
    answered as f64 / since.elapsed().as_secs_f64()
}

/// Requests a second over standing connections to the same.
fn requests(replica: &Replica) -> f64 {
    let mesh = (Side::A.front(), VOTE_PORT);
    let since = Instant::now();
    let answered = standing(replica.client(), mesh, AT_ONCE, REQUESTS);
    assert_eq!(answered, AT_ONCE * REQUESTS, "requests that were answered");
    answered as f64 / since.elapsed().as_secs_f64()
}

fn follow(replica: &Replica, side: Side) -> Running {
    let options = ["--port", "8080", "--quiet"];
    Trace::start(replica.node(side), &options).running
}

fn rst(replica: &Replica, side: Side) -> Running {
    let mut running = replica.node(side).swarmtrace(["rst"]);
    running.wait_for(LIMIT, "to say that it traces", |_, err| {
        err.contains("tracing")
    });
    running
}

/// tcpdump on every device of a namespace, writing every packet to a file.
fn tcpdump(namespace: &Namespace) -> Running {
    let mut command = namespace.command("tcpdump");
    command.args(["-i", "any", "-n", "-Z", "root", "-w", "/dev/null"]);
    let mut dump = Running::start(command);
    dump.wait_for(LIMIT, "tcpdump to listen", |_, err| {
        err.contains("listening on")
    });
    dump
}

fn spread(mut values: Vec<f64>) -> Value {
    values.sort_by(f64::total_cmp);
    // A round that something else fell into says nothing: quartiles, not extremes.
    let at = |part: usize| (values[(values.len() - 1) * part / 4] * 1000.0).round() / 1000.0;
    json!({ "lower_quartile": at(1), "median": at(2), "upper_quartile": at(3) })
}
