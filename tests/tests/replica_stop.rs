//! However a trace ends, none of its programs, qdiscs and filters remain, and those
//! of other programs do.

use aya::programs::tc::TcAttachType;
use bed::deadline::until;
use bed::traffic::{many, request};
use needs::needs;
use nix::sys::signal::Signal;
use replica::hooks::{Hooks, has_tcx, held_by, still_there};
use replica::plan::VOTE;
use replica::trace::{LIMIT, Trace};
use replica::{Node, Replica, Side};
use std::time::{Duration, Instant};
use swarmtrace_tests::bystander::{Bystander, Hook, Verdict};

const WAYS: [TcAttachType; 2] = [TcAttachType::Ingress, TcAttachType::Egress];
const OPTIONS: [&str; 2] = ["--port", "8080"];

#[track_caller]
fn assert_nothing_left(
    node: &Node,
    before: &Hooks,
    held: &std::collections::BTreeSet<(&'static str, u32)>,
) {
    Hooks::of(node.namespaces()).assert_same_as(before);
    // The kernel frees programs shortly after their last user is gone.
    let mut rest = still_there(held);
    let deadline = Instant::now() + Duration::from_secs(5);
    while !rest.is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
        rest = still_there(held);
    }
    assert!(rest.is_empty(), "still in the kernel: {rest:?}");
}

/// Someone else's things on the hooks: a clsact qdisc with programs of its own on
/// one device, an empty one on another, and where the kernel has it a tcx program.
fn put_something_there(node: &Node) -> Vec<Bystander> {
    let host = node.host();
    host.output("tc", &["qdisc", "add", "dev", "eth0", "clsact"], "");
    host.output(
        "tc",
        &["qdisc", "add", "dev", "docker_gwbridge", "clsact"],
        "",
    );
    let mut programs = Vec::from(
        WAYS.map(|way| Bystander::attach(host, "eth0", way, Hook::Filter(7), Verdict::Ok)),
    );
    if has_tcx(host) {
        let way = TcAttachType::Egress;
        programs.push(Bystander::attach(
            host,
            "docker_gwbridge",
            way,
            Hook::Tcx,
            Verdict::Ok,
        ));
    }
    programs
}

#[test]
fn after_ctrl_c_and_sigterm() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let node = replica.node(Side::A);
    let _others = put_something_there(node);
    let before = Hooks::of(node.namespaces());
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let trace = Trace::start(node, &OPTIONS);
        let held = held_by(trace.running.pid());
        assert!(!held.is_empty(), "a running trace holds programs");
        request(replica.client(), (Side::A.front(), VOTE.published)).expect("an answer");
        trace.running.signal(signal);
        let asked = Instant::now();
        trace.running.wait(LIMIT).expect_code(0);
        println!("{signal}: gone after {:?}", asked.elapsed());
        assert_nothing_left(node, &before, &held);
    }
}

#[test]
fn after_its_duration_and_its_count() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let node = replica.node(Side::A);
    let before = Hooks::of(node.namespaces());

    let trace = Trace::start(node, &["--port", "8080", "--duration", "3s"]);
    let held = held_by(trace.running.pid());
    trace.wait();
    assert_nothing_left(node, &before, &held);

    let trace = Trace::start(node, &["--port", "8080", "--count", "3"]);
    let held = held_by(trace.running.pid());
    assert_eq!(
        many(replica.client(), (Side::A.front(), VOTE.published), 6, 2),
        6
    );
    let traced = trace.wait();
    assert_eq!(traced.timelines.len(), 3, "{}", traced.ended.stdout);
    assert_nothing_left(node, &before, &held);
}

#[test]
fn after_a_kill_cleanup_removes_what_stayed() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let node = replica.node(Side::A);
    let _others = put_something_there(node);
    let before = Hooks::of(node.namespaces());
    let trace = Trace::start(node, &OPTIONS);
    let held = held_by(trace.running.pid());
    trace.running.signal(Signal::SIGKILL);
    trace.running.wait(LIMIT).expect_code(137);

    let cleanup = node.swarmtrace(["cleanup"]).wait(LIMIT);
    cleanup.expect_code(0);
    assert_nothing_left(node, &before, &held);
    // Again, with nothing to do.
    node.swarmtrace(["cleanup"]).wait(LIMIT).expect_code(0);
    Hooks::of(node.namespaces()).assert_same_as(&before);
}

#[test]
fn a_new_trace_removes_what_a_killed_one_left_and_spares_a_running_one() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let node = replica.node(Side::A);
    let before = Hooks::of(node.namespaces());
    let killed = Trace::start(node, &OPTIONS);
    killed.running.signal(Signal::SIGKILL);
    killed.running.wait(LIMIT).expect_code(137);

    let first = Trace::start(node, &OPTIONS);
    let second = Trace::start(node, &OPTIONS);
    let exchange = request(replica.client(), (Side::A.front(), VOTE.published)).expect("an answer");
    for trace in [second, first] {
        let traced = trace.stop();
        let clients: Vec<_> = traced.timelines.iter().map(|t| t.client).collect();
        assert_eq!(clients, [exchange.local], "{}", traced.ended.stderr);
    }
    Hooks::of(node.namespaces()).assert_same_as(&before);
}

#[test]
fn another_program_on_the_same_hook_keeps_running() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let node = replica.node(Side::A);
    // They end the chain of programs after them, and were there first.
    let others = put_something_there(node);
    let mesh = (Side::A.front(), VOTE.published);
    let trace = Trace::start(node, &OPTIONS);
    let counts = || others.iter().map(Bystander::runs).collect::<Vec<_>>();
    let before = counts();
    let exchange = request(replica.client(), mesh).expect("an answer");
    until(LIMIT, "the other programs to run", || {
        // At least SYN, ACK and request in; SYN-ACK, response and FIN out.
        let more = counts()
            .iter()
            .zip(&before)
            .all(|(now, was)| *now >= was + 3);
        more.then_some(())
    });
    // And swarmtrace saw the packets too.
    let traced = trace.stop();
    let timeline = traced.timelines.iter().find(|t| t.client == exchange.local);
    let timeline = timeline.expect("a timeline of the exchange");
    for (phase, leg, device) in [
        ("syn", "forward", "eth0"),
        ("syn", "forward", "docker_gwbridge"),
        ("syn_ack", "reply", "eth0"),
    ] {
        let hops = timeline.of(phase, leg);
        assert!(
            hops.iter().any(|h| h.device == device),
            "{phase} at {device} in {hops:#?}"
        );
    }
    for (program, was) in others.iter().zip(&before) {
        assert!(program.runs() >= *was, "the other program is still there");
    }
}
