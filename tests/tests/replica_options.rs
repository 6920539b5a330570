//! Each option of `follow` does what it says, and tracing changes no packet.

use bed::traffic::{Exchange, many, request, request_answered_by};
use needs::needs;
use replica::Listener;
use replica::plan::{CLIENT, HOSTED_PORT, VOTE};
use replica::trace::{LIMIT, Trace, inodes, tables};
use replica::{Replica, Side};
use std::net::SocketAddr;
use std::time::Duration;
use truth::{Flow, Timeline};

fn mesh() -> SocketAddr {
    (Side::A.front(), VOTE.published).into()
}

/// Everything about the flow's packets but the numbers that differ each time.
fn packets(replica: &Replica) -> Vec<String> {
    let listener = Listener::start(replica);
    let exchange = request_answered_by(replica.client(), mesh(), "vote.2");
    let flow = Flow::tcp(&listener.stop(), exchange.local.port());
    let line = |s: &truth::Sighting| {
        let p = &s.packet;
        let text = format!(
            "{s} ttl {} flags {:#x} length {}",
            p.ttl,
            p.flags,
            p.payload.len()
        );
        text.replace(&format!(":{}", exchange.local.port()), ":CLIENT")
    };
    let mut lines: Vec<String> = flow
        .steps
        .iter()
        .filter(|s| ["syn", "syn_ack", "request", "response"].contains(&s.phase))
        .map(|s| line(&s.at))
        .collect();
    lines.sort();
    lines
}

#[test]
fn packets_are_the_same_with_and_without_it() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let without = packets(&replica);
    let trace = Trace::start(replica.node(Side::A), &["--port", "8080", "--all-packets"]);
    let with = packets(&replica);
    trace.stop();
    // Only the SYN that resolves a neighbour could differ: both came after one.
    assert_eq!(with, without);
}

#[test]
fn only_the_selected_port_and_client() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let node = replica.node(Side::A);
    let client = format!("{CLIENT}/32");
    let trace = Trace::start(node, &["--port", "8080", "--client", &client]);
    let wanted = request(replica.client(), mesh()).expect("the mesh");
    let loopback = SocketAddr::from(([127, 0, 0, 1], VOTE.published));
    request(node.host(), loopback).expect("another client");
    request(replica.client(), (Side::A.front(), HOSTED_PORT)).expect("another port");
    request(replica.task("client.1"), (VOTE.vip(), 80)).expect("another network");
    let traced = trace.stop();
    let clients: Vec<_> = traced
        .timelines
        .iter()
        .map(|t| (t.client, t.entry))
        .collect();
    assert_eq!(clients, [(wanted.local, mesh())]);
}

#[test]
fn without_the_way_back() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let trace = Trace::start(replica.node(Side::A), &["--port", "8080", "--no-reply"]);
    let listener = Listener::start(&replica);
    let exchange = request_answered_by(replica.client(), mesh(), "vote.1");
    let flow = Flow::tcp(&listener.stop(), exchange.local.port());
    let traced = trace.stop();
    let timeline = traced.timeline(&flow);
    assert!(
        timeline.hops.iter().all(|h| h.leg == "forward"),
        "{timeline:#?}"
    );
    let syn = timeline.of("syn", "forward").len();
    assert_eq!(
        syn,
        flow.of("syn", "forward", &inodes(replica.node(Side::A)))
            .count()
    );
}

#[test]
fn quiet_prints_no_timelines_but_the_latency_table() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let node = replica.node(Side::A);
    let mut running = node.swarmtrace(["follow", "--port", "8080", "--quiet"]);
    running.wait_for(LIMIT, "to trace", |_, err| err.contains("tracing"));
    assert_eq!(many(replica.client(), mesh(), 20, 4), 20);
    std::thread::sleep(Duration::from_millis(300));
    let ended = running.interrupt(LIMIT);
    ended.expect_code(0);
    assert!(
        !ended.stdout.contains(&CLIENT.to_string()),
        "a timeline: {}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("p50") || ended.stdout.contains("p99"),
        "no table: {}",
        ended.stdout
    );
}

#[test]
fn text_is_for_people_and_has_no_colour_off_a_terminal() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let node = replica.node(Side::A);
    let mut running = node.swarmtrace(["follow", "--port", "8080", "--count", "1"]);
    running.wait_for(LIMIT, "to trace", |_, err| err.contains("tracing"));
    let exchange = request_answered_by(replica.client(), mesh(), "vote.1");
    let ended = running.wait(LIMIT);
    ended.expect_code(0);
    println!("{}", ended.stdout);
    for expected in [
        exchange.local.to_string().as_str(),
        "ingress_sbox",
        "docker_gwbridge",
        "10.0.0.",
    ] {
        assert!(
            ended.stdout.contains(expected),
            "{expected} in\n{}",
            ended.stdout
        );
    }
    assert!(
        !ended.stdout.contains('\u{1b}'),
        "an escape sequence off a terminal"
    );
}

#[test]
fn a_sample_is_a_part() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let trace = Trace::start(
        replica.node(Side::A),
        &["--port", "8080", "--sample", "1/4"],
    );
    assert_eq!(many(replica.client(), mesh(), 400, 4), 400);
    std::thread::sleep(Duration::from_millis(500));
    let traced = trace.stop();
    let count = traced.timelines.len();
    // 100 expected; the chance to be off by half is below one in a million.
    assert!(
        (50..=150).contains(&count),
        "{count} of 400 with --sample 1/4"
    );
}

#[test]
fn every_packet_with_all_packets() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let trace = Trace::start(replica.node(Side::A), &["--port", "8080", "--all-packets"]);
    let listener = Listener::start(&replica);
    let exchange: Exchange = request_answered_by(replica.client(), mesh(), "vote.1");
    let conntrack = tables(replica.node(Side::A));
    let flow = Flow::tcp(&listener.stop(), exchange.local.port());
    let traced = trace.stop();
    traced.assert_true(&replica, &conntrack, &flow);
    assert!(
        !traced.timeline(&flow).of("ack", "forward").is_empty(),
        "the handshake's last ACK"
    );
}

/// With a ring buffer too small for the load, what was lost is counted, said, and
/// part of every timeline that may miss something.
#[test]
fn losses_are_reported() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let node = replica.node(Side::A);
    let trace = Trace::start(
        node,
        &["--port", "8080", "--all-packets", "--buffer", "64K"],
    );
    // Stopped, it reads nothing: 64 KiB hold some 270 events.
    trace.running.signal(nix::sys::signal::Signal::SIGSTOP);
    assert_eq!(many(replica.client(), mesh(), 60, 4), 60);
    trace.running.signal(nix::sys::signal::Signal::SIGCONT);
    std::thread::sleep(Duration::from_millis(500));
    let traced = trace.stop();
    let said = traced
        .ended
        .stderr
        .lines()
        .filter(|l| l.contains("events LOST"))
        .count();
    assert!(said > 0, "no word of losses: {}", traced.ended.stderr);
    let with_gaps = traced
        .timelines
        .iter()
        .filter(|t| !t.gaps.is_empty())
        .count();
    assert!(with_gaps > 0, "no timeline reports the losses");
}

#[test]
fn a_thousand_connections_without_a_loss() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let trace = Trace::start(replica.node(Side::A), &["--port", "8080"]);
    assert_eq!(many(replica.client(), mesh(), 1000, 8), 1000);
    std::thread::sleep(Duration::from_millis(500));
    let traced = trace.stop();
    // One whose FIN came late was emitted before, as established.
    let answered = ["closed", "established"];
    let complete = |t: &&Timeline| answered.contains(&t.state.is.as_str()) && t.gaps.is_empty();
    let complete_ones = traced.timelines.iter().filter(complete).count();
    assert_eq!(
        (traced.timelines.len(), complete_ones),
        (1000, 1000),
        "{}",
        traced.ended.stderr
    );
}
