//! The verdicts of `follow`, beside the timelines that show them.

use bed::binary::swarmtrace_binary;
use bed::program::Running;
use bed::traffic::request;
use needs::needs;
use replica::plan::{INGRESS_SBOX, VOTE};
use replica::trace::{LIMIT, Trace};
use replica::{Replica, Side};
use serde_json::Value;
use std::net::SocketAddr;

/// The lines of a trace that are timelines.
fn timelines(output: &str) -> Vec<Value> {
    let lines = output.lines();
    let lines = lines.map(|line| serde_json::from_str(line).expect("JSON"));
    let all: Vec<Value> = lines.collect();
    let (found, rest): (Vec<_>, Vec<_>) =
        (all.into_iter()).partition(|line| line["format"] == "swarmtrace-timeline");
    assert!(!rest.is_empty(), "the figures follow");
    found
}

/// The hop that a verdict points at.
#[track_caller]
fn place(timeline: &Value) -> (u64, String, String) {
    let index = timeline["verdict"]["hop"]["index"].as_u64();
    let index = index.unwrap_or_else(|| panic!("no place: {:#}", timeline["verdict"]));
    let hop = &timeline["hops"][usize::try_from(index).expect("an index")];
    let text = |field: &str| hop[field].as_str().unwrap_or_default().to_owned();
    let netns = hop["netns"].as_u64().expect("a namespace");
    (netns, text("device"), text("way"))
}

fn mesh() -> SocketAddr {
    (Side::A.front(), VOTE.published).into()
}

#[test]
fn a_refusal_is_put_down_to_the_task_that_does_not_listen() {
    needs!(Root, Btf);
    let mut replica = Replica::start();
    replica.stop_server("vote.1");
    replica.stop_server("vote.2");
    for options in [&[][..], &["--no-reply"]] {
        let trace = Trace::start(replica.node(Side::A), options);
        for _ in 0..2 {
            let refused = request(replica.client(), mesh()).expect_err("nobody listens");
            assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        }
        let traced = trace.stop();
        let found = timelines(&traced.ended.stdout);
        let task = u64::from(replica.task("vote.1").inode());
        let ours: Vec<&Value> = (found.iter())
            .filter(|t| t["verdict"]["id"] == "no-listener")
            .collect();
        // The balancers take turns; the other connection was refused on node b.
        assert_eq!(ours.len(), 1, "{found:#?}");
        let verdict = &ours[0]["verdict"];
        assert_eq!(verdict["certainty"], "proven", "{verdict:#}");
        let (netns, _, way) = place(ours[0]);
        assert_eq!((netns, way.as_str()), (task, "out"), "{verdict:#}");
        for field in ["title", "fix"] {
            assert!(verdict[field].as_str().is_some_and(|t| !t.is_empty()));
        }
        for field in ["evidence", "confirm", "references"] {
            assert!(verdict[field].is_array(), "{verdict:#}");
        }
    }
}

#[test]
fn an_unanswered_syn_is_judged_where_the_next_hop_was_tapped() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let sandbox = replica.node(Side::A).namespace(INGRESS_SBOX);
    sandbox.output("iptables", &["-I", "FORWARD", "-j", "DROP"], "");
    let trace = Trace::start(replica.node(Side::A), &[]);
    request(replica.client(), mesh()).expect_err("nothing passes");
    let traced = trace.stop();
    let found = timelines(&traced.ended.stdout);
    let silent: Vec<&Value> = (found.iter())
        .filter(|t| t["state"]["is"] == "unanswered")
        .collect();
    assert_eq!(silent.len(), 1, "{found:#?}");
    let verdict = &silent[0]["verdict"];
    let expected = (u64::from(sandbox.inode()), "eth1".into(), "in".into());
    assert_eq!(place(silent[0]), expected, "{verdict:#}");
    // Either the kernel says so itself, or nothing came out of a tapped device.
    let evidence = verdict["evidence"].to_string();
    let proofs = [
        "the kernel reports a drop",
        "which was watched; no event was lost",
    ];
    assert!(proofs.iter().any(|p| evidence.contains(p)), "{verdict:#}");
}

#[test]
fn what_works_has_no_verdict() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let trace = Trace::start(replica.node(Side::A), &[]);
    for _ in 0..8 {
        request(replica.client(), mesh()).expect("an answer");
    }
    let traced = trace.stop();
    let found = timelines(&traced.ended.stdout);
    assert!(found.len() >= 8, "{found:#?}");
    for timeline in found {
        assert!(timeline.get("verdict").is_none(), "{timeline:#}");
    }
}

#[test]
fn two_joined_nodes_give_the_verdict_that_neither_gives_alone() {
    needs!(Root, Btf);
    let replica = Replica::start();
    // Task vote.2 lives on node b and takes nothing in.
    let task = replica.task("vote.2");
    task.output("iptables", &["-I", "INPUT", "-p", "tcp", "-j", "DROP"], "");
    let traces = Side::BOTH.map(|side| Trace::start(replica.node(side), &[]));
    for _ in 0..2 {
        // The balancers take turns; one of the two goes to vote.1.
        let _ = request(replica.client(), mesh());
    }
    let traced = traces.map(Trace::stop);
    let directory = tempfile::tempdir().expect("a directory");
    let files = ["a.json", "b.json"].map(|name| directory.path().join(name));
    for (file, traced) in files.iter().zip(&traced) {
        std::fs::write(file, &traced.ended.stdout).expect("write a trace");
    }
    let failed = |output: &str| -> Vec<Value> {
        let found = output
            .lines()
            .map(|l| serde_json::from_str(l).expect("JSON"));
        found
            .filter(|t: &Value| t["state"]["is"] == "unanswered")
            .collect()
    };
    let alone = failed(&traced[0].ended.stdout);
    assert_eq!(alone.len(), 1, "{alone:#?}");
    assert_ne!(
        alone[0]["verdict"]["hop"]["node"], "node-b",
        "it cannot see that far"
    );

    let mut join = swarmtrace_programs::built(swarmtrace_binary());
    join.args(["join", "--output", "json"]).args(&files);
    let ended = Running::start(join).wait(LIMIT);
    ended.expect_code(0);
    let joined = failed(&ended.stdout);
    assert_eq!(joined.len(), 1, "{joined:#?}");
    assert_eq!(joined[0]["nodes"], serde_json::json!(["node-a", "node-b"]));
    let verdict = &joined[0]["verdict"];
    assert!(verdict["id"].is_string(), "{verdict:#}");
    let expected = (u64::from(task.inode()), "eth0".into(), "in".into());
    assert_eq!(place(&joined[0]), expected, "{verdict:#}");
    assert_eq!(verdict["hop"]["node"], "node-b", "{verdict:#}");
}
