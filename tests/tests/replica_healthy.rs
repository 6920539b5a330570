//! Ten thousand connections that all work, as fast as they will go, and no
//! failure is reported: neither by `follow` nor by `rst`, neither when every event
//! was seen, late or in time, nor when the ring buffer was too small and many were
//! lost.

use bed::deadline::until;
use bed::program::{Ended, Running};
use bed::traffic::many;
use needs::needs;
use nix::sys::signal::Signal;
use replica::plan::VOTE;
use replica::trace::{LIMIT, untapped};
use replica::{Node, Replica, Side};
use std::net::SocketAddr;
use std::time::Duration;

const CONNECTIONS: usize = 10_000;
const AT_ONCE: usize = 16;
/// A ring buffer that holds every event of the load: 48 of each connection at node
/// a, 248 bytes each.
const HOLDS_ALL: &str = "128M";
/// How long swarmtrace may take to print what it has seen.
const PRINTING: Duration = Duration::from_mins(2);

fn mesh() -> SocketAddr {
    (Side::A.front(), VOTE.published).into()
}

/// `follow` and `rst` side by side on a node, tapping every device.
#[track_caller]
fn watch(node: &Node, buffer: &str) -> [Running; 2] {
    let commands = [
        &["follow", "--port", "8080", "--no-reply"][..],
        &["rst"][..],
    ];
    let running = commands.map(|command| {
        let arguments = [command, &["--output", "json", "--buffer", buffer]].concat();
        let mut running = node.swarmtrace(arguments);
        running.wait_for(LIMIT, "to say that it traces", |_, err| {
            err.contains("tracing")
        });
        running
    });
    until(LIMIT, "every device to be tapped", || {
        untapped(node).is_empty().then_some(())
    });
    running
}

/// What was said of failures, and how many connections and lost events there were.
fn said(follow: &Ended, rst: &Ended) -> (Vec<String>, u64, u64) {
    let (mut failures, mut connections, mut lost) = (Vec::new(), 0, 0);
    for line in follow.stdout.lines() {
        if line.starts_with(r#"{"format":"swarmtrace-timeline""#) {
            connections += 1;
            if line.contains(r#""verdict":{"#) {
                failures.push(line.to_owned());
            }
        }
    }
    for line in rst.stdout.lines() {
        if line.starts_with(r#"{"format":"swarmtrace-rst","#) {
            failures.push(line.to_owned());
        }
    }
    for ended in [follow, rst] {
        let last = ended.stdout.lines().last().unwrap_or_default();
        let figures: serde_json::Value = serde_json::from_str(last).expect("figures");
        lost += figures["lost"].as_u64().expect("a count");
    }
    (failures, connections, lost)
}

/// Runs the load with both commands on both nodes. `stall` stops them now and then
/// for so long, and nobody empties the ring buffers meanwhile.
fn run(buffer: &str, stall: Option<Duration>) -> (Vec<String>, u64, u64) {
    let replica = Replica::start();
    let watches = Side::BOTH.map(|side| watch(replica.node(side), buffer));
    let answered = std::thread::scope(|scope| {
        let load = scope.spawn(|| many(replica.client(), mesh(), CONNECTIONS, AT_ONCE));
        while let Some(stall) = stall
            && !load.is_finished()
        {
            for signal in [Signal::SIGSTOP, Signal::SIGCONT] {
                for running in watches.iter().flatten() {
                    running.signal(signal);
                }
                std::thread::sleep(stall);
            }
        }
        load.join().expect("the clients")
    });
    assert_eq!(answered, CONNECTIONS, "connections that were answered");
    let (mut failures, mut connections, mut lost) = (Vec::new(), 0, 0);
    for running in watches {
        let [follow, rst] = running.map(|r| r.interrupt(PRINTING));
        let (more, begun, missed) = said(follow.expect_code(0), rst.expect_code(0));
        failures.extend(more);
        connections += begun;
        lost += missed;
    }
    (failures, connections, lost)
}

#[track_caller]
fn none(failures: &[String]) {
    let verdict = |line: &String| {
        let finding: serde_json::Value = serde_json::from_str(line).expect("JSON");
        format!("{:#}", finding["verdict"])
    };
    let verdicts: Vec<String> = failures.iter().map(verdict).collect();
    assert!(
        verdicts.is_empty(),
        "{}: {}",
        verdicts.len(),
        verdicts.join("\n")
    );
}

#[test]
fn no_failure_is_reported_when_all_is_seen() {
    needs!(Root, Btf);
    let (failures, connections, lost) = run(HOLDS_ALL, None);
    none(&failures);
    assert_eq!(lost, 0);
    // Node a sees all, node b those that came to its task.
    assert!(connections >= CONNECTIONS as u64, "{connections}");
}

/// After half a second the ring buffer holds more than is read at once: what is
/// still in there must not be taken for silence.
#[test]
fn no_failure_is_reported_when_it_falls_behind() {
    needs!(Root, Btf);
    let (failures, connections, lost) = run(HOLDS_ALL, Some(Duration::from_millis(500)));
    none(&failures);
    assert_eq!(lost, 0);
    assert!(connections >= CONNECTIONS as u64, "{connections}");
}

#[test]
fn no_failure_is_reported_when_events_are_lost() {
    needs!(Root, Btf);
    let (failures, connections, lost) = run("64K", Some(Duration::from_millis(200)));
    none(&failures);
    assert!(lost > 1000, "{lost} events lost");
    assert!(connections > 0);
}
