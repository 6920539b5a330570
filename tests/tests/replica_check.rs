//! `check` on real connections: assertions that hold, fail or cannot be measured; a
//! hop that gets slower is named, and no other.

use bed::program::{Ended, Running};
use bed::traffic::{many, request};
use needs::needs;
use nix::sys::signal::Signal;
use replica::plan::{INGRESS_SBOX, VOTE};
use replica::trace::{LIMIT, Trace};
use replica::{Replica, Side};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use swarmtrace_tests::delay::Delay;

/// What leaves the routing mesh's sandbox is late by this, and the rest of the
/// handshake takes a fraction of it.
const DELAY: Duration = Duration::from_millis(2);

fn mesh() -> SocketAddr {
    (Side::A.front(), VOTE.published).into()
}

fn start(replica: &Replica, options: &[&str]) -> Running {
    let mut arguments = vec!["check", "--port", "8080"];
    arguments.extend(options);
    let mut running = replica.node(Side::A).swarmtrace(arguments);
    running.wait_for(LIMIT, "to trace", |_, err| err.contains("tracing"));
    running
}

/// Runs `check` on node a for as many connections as are made.
#[track_caller]
fn check(replica: &Replica, connections: usize, options: &[&str]) -> Ended {
    let count = connections.to_string();
    let bounds = ["--count", &count, "--duration", "15s", "--output", "json"];
    let running = start(replica, &[&bounds, options].concat());
    assert_eq!(many(replica.client(), mesh(), connections, 1), connections);
    running.wait(LIMIT)
}

#[track_caller]
fn report(ended: &Ended) -> Value {
    let report = serde_json::from_str(&ended.stdout);
    let report: Value = report.unwrap_or_else(|e| panic!("{e}: {}{}", ended.stdout, ended.stderr));
    assert_eq!(report["exit_code"], ended.code(), "{}", ended.stderr);
    report
}

fn backend(assertion: &Value) -> String {
    assertion["backend"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_hop_a_fifth_slower_is_found_and_named_and_no_other_time() {
    needs!(Root, Btf);
    const CONNECTIONS: usize = 100;
    let replica = Replica::start();
    let sandbox = replica.node(Side::A).namespace(INGRESS_SBOX);
    let delay = Delay::new(sandbox, "eth0", DELAY);
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("base.json");
    let file = file.to_str().expect("UTF-8");
    for _ in 0..6 {
        check(&replica, CONNECTIONS, &["--save-baseline", file]).expect_code(0);
    }
    for repeat in 0..20 {
        let ended = check(&replica, CONNECTIONS, &["--baseline", file]);
        let report = report(&ended);
        println!("repeat {repeat}: {}", report["outcome"]);
        assert_eq!(
            report["slower"],
            Value::Array(vec![]),
            "repeat {repeat}: {}",
            ended.stdout
        );
        ended.expect_code(0);
    }
    delay.set(DELAY.mul_f64(1.2));
    let ended = check(&replica, CONNECTIONS, &["--baseline", file]);
    let report = report(&ended);
    let first = &report["slower"][0];
    println!("{first:#}");
    ended.expect_code(1);
    assert_eq!(
        first["from"], "ingress_sbox eth1 in",
        "{}",
        report["slower"]
    );
    assert_eq!(
        first["to"], "ingress_sbox nic(vni-4096) out",
        "{}",
        report["slower"]
    );
    assert_eq!(
        first["backends"].as_array().map(Vec::len),
        Some(2),
        "{first}"
    );
    let change = first["change"].as_f64().unwrap_or_default();
    assert!((0.1..0.4).contains(&change), "{change}");
}

#[test]
fn exit_codes() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let passed = check(
        &replica,
        80,
        &[
            "-a",
            "handshake.p90 < 5s",
            "-a",
            "hop(ingress_sbox).p50 < 5s",
            "-a",
            "edge(host eth0 in -> ingress_sbox eth0 out).max < 5s",
            "-a",
            "hop(vxlan).max < 5s",
            "-a",
            "rst.handshake == 0",
            "-a",
            "retransmit.syn < 50%",
            "-a",
            "lost == 0",
            "-a",
            "connections == 80",
            "-a",
            "failed == 0",
            "-a",
            "first_byte.mean < 5s",
        ],
    );
    passed.expect_code(0);
    // vote.1 is on this node, vote.2 behind the tunnel.
    let report_json = report(&passed);
    let assertions = report_json["assertions"].as_array().expect("assertions");
    let tunnel = assertions
        .iter()
        .filter(|a| a["assertion"] == "hop(vxlan).max < 5s");
    let mut outcomes: Vec<_> = tunnel.map(|a| a["outcome"].as_str()).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, [Some("pass"), Some("skipped")]);

    let failed = check(
        &replica,
        80,
        &["-a", "handshake.p50 < 1us", "-a", "failed == 0"],
    );
    failed.expect_code(1);
    check(&replica, 20, &["-a", "handshake.p50 < 5s"]).expect_code(2);
    let short = start(
        &replica,
        &["-c", "10", "-d", "300ms", "-a", "connections > 0"],
    );
    request(replica.client(), mesh()).expect("the mesh");
    let short = short.wait(LIMIT);
    short.expect_code(2);
    assert!(
        short.stdout.contains("only 1 of 10 connections"),
        "{}",
        short.stdout
    );
    let interrupted = start(&replica, &["-d", "1h", "-a", "failed == 0"]);
    interrupted.interrupt(LIMIT).expect_code(2);
    let nothing = start(&replica, &["-d", "100ms", "-a", "failed == 0"]);
    nothing.wait(LIMIT).expect_code(2);
}

#[test]
fn a_mistake_is_reported_before_anything_is_traced() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let node = replica.node(Side::A);
    let ended = node.swarmtrace(["check", "-d", "1h", "--assert", "handshake.p9x < 5ms"]);
    let ended = ended.wait(LIMIT);
    ended.expect_code(2);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ended.stderr);
    assert_eq!(lines[1], "    handshake.p9x < 5ms");
    assert_eq!(lines[2], "              ^");
}

#[test]
fn a_command_is_traced_and_its_failure_is_no_pass() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let run = |script: &str| {
        let options = [
            "-o",
            "markdown",
            "-a",
            "connections == 3",
            "--",
            "sh",
            "-c",
            script,
        ];
        let running = start(&replica, &options);
        std::thread::sleep(Duration::from_millis(300));
        for _ in 0..3 {
            request(replica.client(), mesh()).expect("the mesh");
        }
        running.wait(LIMIT)
    };
    let passed = run("echo hello; sleep 1");
    passed.expect_code(0);
    assert!(
        passed.stdout.starts_with("### "),
        "no word of the command's: {}",
        passed.stdout
    );
    assert!(passed.stderr.contains("hello"), "{}", passed.stderr);
    let failed = run("sleep 1; exit 3");
    failed.expect_code(2);
    assert!(
        failed.stdout.contains("the command failed"),
        "{}",
        failed.stdout
    );
    let missing = ["check", "-p", "8080", "-a", "failed == 0", "--", "/no/such"];
    let missing = replica.node(Side::A).swarmtrace(missing).wait(LIMIT);
    missing.expect_code(2);
    assert!(missing.stderr.contains("'/no/such'"), "{}", missing.stderr);
}

#[test]
fn refusals_are_counted_for_the_backend_that_refuses() {
    needs!(Root, Btf);
    let mut replica = Replica::start();
    replica.stop_server("vote.2");
    let running = start(
        &replica,
        &[
            "-c",
            "20",
            "-d",
            "10s",
            "-o",
            "json",
            "-a",
            "rst.handshake == 0",
        ],
    );
    many(replica.client(), mesh(), 20, 1);
    let ended = running.wait(LIMIT);
    ended.expect_code(1);
    let report_json = report(&ended);
    let assertions = report_json["assertions"].as_array().expect("assertions");
    let failed: Vec<String> = (assertions.iter())
        .filter(|a| a["outcome"] == "regression")
        .map(backend)
        .collect();
    let address = replica.sandbox("vote.2").on_ingress().expect("an address");
    assert_eq!(failed.len(), 1, "{}", ended.stdout);
    assert!(failed[0].starts_with(&address.to_string()), "{failed:?}");
}

/// Devices are tapped one after the other: a connection that is made meanwhile is
/// seen at some of them, and must not be taken for one that went astray.
#[test]
fn connections_made_while_it_starts_are_not_judged() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                many(replica.client(), mesh(), 50, 4);
            }
        });
        for _ in 0..3 {
            let options = ["-c", "100", "-d", "15s", "-o", "json"];
            let asked = ["-a", "handshake.p50 < 5s", "--min-samples", "5"];
            let ended = start(&replica, &[&options[..], &asked].concat()).wait(LIMIT);
            let report_json = report(&ended);
            let assertions = report_json["assertions"].as_array().expect("assertions");
            let backends = assertions.iter().map(backend).filter(|b| !b.is_empty());
            let backends: BTreeSet<String> = backends.collect();
            // The other node's task by its address, this one's by its namespace.
            let is_task = |b: &String| b.starts_with("10.0.0.") || !b.contains(':');
            let right = backends.len() == 2 && backends.iter().all(is_task);
            if !right || ended.code() != 0 {
                done.store(true, Ordering::Relaxed);
            }
            assert!(right, "{backends:?}{}{}", ended.stdout, ended.stderr);
            ended.expect_code(0);
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// With a ring buffer too small for the load, whatever was seen proves nothing.
#[test]
fn losses_are_no_pass() {
    needs!(Root, Btf);
    let replica = Replica::start();
    for assertion in ["lost == 0", "handshake.p50 < 5s"] {
        let options = ["-d", "4s", "--buffer", "64K", "-o", "json", "-a", assertion];
        let running = start(&replica, &options);
        // Stopped, it reads nothing: 64 KiB hold some 270 events.
        running.signal(Signal::SIGSTOP);
        assert_eq!(many(replica.client(), mesh(), 100, 4), 100);
        running.signal(Signal::SIGCONT);
        let ended = running.wait(LIMIT);
        ended.expect_code(2);
        let problems = report(&ended)["run"]["problems"].to_string();
        assert!(problems.contains("events were lost"), "{problems}");
    }
}

#[test]
fn what_follow_recorded_is_judged_the_same() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let traces = Side::BOTH.map(|side| Trace::start(replica.node(side), &["--port", "8080"]));
    assert_eq!(many(replica.client(), mesh(), 80, 1), 80);
    std::thread::sleep(Duration::from_millis(500));
    let directory = tempfile::tempdir().expect("a directory");
    let files = traces.map(|trace| {
        let traced = trace.stop();
        let path = directory.path().join(traced.side().hostname());
        std::fs::write(&path, &traced.ended.stdout).expect("write a recording");
        path.to_str().expect("UTF-8").to_owned()
    });
    let judge = |files: &[String], assertion: &str| {
        let mut arguments = vec!["check", "-o", "json", "-a", assertion, "--from"];
        arguments.extend(files.iter().map(String::as_str));
        replica.node(Side::A).swarmtrace(arguments).wait(LIMIT)
    };
    judge(&files[..1], "handshake.p50 < 5s").expect_code(0);
    judge(&files[..1], "handshake.p50 < 1us").expect_code(1);
    // Only both nodes together see the whole way to vote.2.
    // Without Docker it is called as its namespace's file.
    let target = replica.node(Side::B).file("vote.2").expect("a namespace");
    let across = format!("backend({target}): edge(host eth0 in -> host eth1 in).p50 < 5s");
    judge(&files, &across).expect_code(0);
    judge(&files[..1], &across).expect_code(2);
    // Cut short, nobody knows what is missing.
    let text = std::fs::read_to_string(&files[0]).expect("read a recording");
    let whole = text.trim_end();
    let cut = whole.rfind('\n').expect("many lines") + 1;
    std::fs::write(&files[0], &whole[..cut]).expect("write a recording");
    judge(&files[..1], "handshake.p50 < 5s").expect_code(2);
}
