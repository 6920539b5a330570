//! What `follow` says went wrong, beside the timeline that shows it.

use serde_json::Value;
use std::net::SocketAddr;
use swarmtrace_tests::replica::plan::{INGRESS_SBOX, VOTE};
use swarmtrace_tests::replica::{Replica, Side};
use swarmtrace_tests::trace::Trace;
use swarmtrace_tests::traffic::request;

/// The lines of a trace that are timelines.
fn timelines(output: &str) -> Vec<Value> {
    let lines = output.lines();
    let lines = lines.map(|line| serde_json::from_str(line).expect("JSON"));
    let all: Vec<Value> = lines.collect();
    let (told, rest): (Vec<_>, Vec<_>) =
        (all.into_iter()).partition(|line| line["format"] == "swarmtrace-timeline");
    assert!(!rest.is_empty(), "the figures follow");
    told
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
        let told = timelines(&traced.ended.stdout);
        let task = u64::from(replica.task("vote.1").inode());
        let ours: Vec<&Value> = (told.iter())
            .filter(|t| t["verdict"]["id"] == "no-listener")
            .collect();
        // The balancers take turns; the other connection was refused on node b.
        assert_eq!(ours.len(), 1, "{told:#?}");
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
fn silence_is_worth_something_where_the_next_hop_was_watched() {
    let replica = Replica::start();
    let sandbox = replica.node(Side::A).namespace(INGRESS_SBOX);
    sandbox.output("iptables", &["-I", "FORWARD", "-j", "DROP"], "");
    let trace = Trace::start(replica.node(Side::A), &[]);
    request(replica.client(), mesh()).expect_err("nothing passes");
    let traced = trace.stop();
    let told = timelines(&traced.ended.stdout);
    let silent: Vec<&Value> = (told.iter())
        .filter(|t| t["state"]["is"] == "unanswered")
        .collect();
    assert_eq!(silent.len(), 1, "{told:#?}");
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
    let replica = Replica::start();
    let trace = Trace::start(replica.node(Side::A), &[]);
    for _ in 0..8 {
        request(replica.client(), mesh()).expect("an answer");
    }
    let traced = trace.stop();
    let told = timelines(&traced.ended.stdout);
    assert!(told.len() >= 8, "{told:#?}");
    for timeline in told {
        assert!(timeline.get("verdict").is_none(), "{timeline:#}");
    }
}
