//! What tracing costs a connection: connections a second through the replica's
//! routing mesh, untraced, with `swarmtrace follow` on both nodes, with
//! `swarmtrace rst` on both, and with tcpdump in every namespace, in turn, so that the machine's own ups and downs
//! meet all alike. The figures are ratios to the untraced run of the same round.
//! Needs root.
//!
//! `cargo run --release -p swarmtrace-tests --example bench_connections [-- --json]`

use serde_json::json;
use std::time::Instant;
use swarmtrace_tests::namespace::Namespace;
use swarmtrace_tests::process::Running;
use swarmtrace_tests::replica::{Replica, Side};
use swarmtrace_tests::trace::{LIMIT, Trace};
use swarmtrace_tests::traffic::many;

/// `vote`'s published port.
const VOTE_PORT: u16 = 8080;
const ROUNDS: usize = 12;
const CONNECTIONS: usize = 1500;
const AT_ONCE: usize = 16;

fn main() {
    let replica = Replica::start();
    // Neighbour entries, code and caches are warm before the first round.
    rate(&replica);
    let mut untraced = Vec::new();
    let (mut followed, mut hunted, mut dumped) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let base = rate(&replica);
        untraced.push(base);
        let options = ["--port", "8080", "--quiet"];
        let traces = Side::BOTH.map(|side| Trace::start(replica.node(side), &options));
        followed.push(rate(&replica) / base);
        for trace in traces {
            trace.stop();
        }
        let hunts = Side::BOTH.map(|side| {
            let mut running = replica.node(side).swarmtrace(["rst"]);
            running.wait_for(LIMIT, "to say that it traces", |_, err| {
                err.contains("tracing")
            });
            running
        });
        hunted.push(rate(&replica) / base);
        for running in hunts {
            running.interrupt(LIMIT).expect_code(0);
        }
        let dumps: Vec<Running> = replica.namespaces().map(|(_, n)| tcpdump(n)).collect();
        dumped.push(rate(&replica) / base);
        for dump in dumps {
            dump.signal(nix::sys::signal::Signal::SIGINT);
        }
    }
    let result = json!({
        "connections_per_second_untraced": spread(untraced),
        "ratio_with_follow": spread(followed),
        "ratio_with_rst": spread(hunted),
        "ratio_with_tcpdump": spread(dumped),
        "rounds": ROUNDS,
        "connections_a_round": CONNECTIONS,
    });
    println!("{result:#}");
}

/// Connections a second from outside to `vote`, on both nodes' tasks.
fn rate(replica: &Replica) -> f64 {
    let since = Instant::now();
    let answered = many(
        replica.client(),
        (Side::A.front(), VOTE_PORT),
        CONNECTIONS,
        AT_ONCE,
    );
    assert_eq!(answered, CONNECTIONS, "connections that were answered");
    answered as f64 / since.elapsed().as_secs_f64()
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

fn spread(mut values: Vec<f64>) -> serde_json::Value {
    values.sort_by(f64::total_cmp);
    let at = |part: usize| (values[(values.len() - 1) * part / 4] * 1000.0).round() / 1000.0;
    json!({ "least": at(0), "median": at(2), "most": at(4) })
}
