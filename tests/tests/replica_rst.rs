//! `swarmtrace rst` on a node of the replica, where no Docker answers: what is
//! reset or never answered is reported with the place of its reset, and nothing else.

use bed::deadline::until;
use bed::program::{Ended, Running};
use bed::traffic::{many, request};
use needs::needs;
use replica::plan::{INGRESS_SBOX, VOTE};
use replica::trace::{LIMIT, untapped};
use replica::{Node, Replica, Side};
use serde_json::Value;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const SUMMARY: &str = "swarmtrace-rst-summary";

/// `rst` on a node, once every device there is tapped.
#[track_caller]
fn watch(node: &Node, options: &[&str]) -> Running {
    let mut arguments = vec!["rst"];
    arguments.extend(options);
    let mut running = node.swarmtrace(arguments);
    running.wait_for(LIMIT, "to say that it traces", |_, err| {
        err.contains("tracing")
    });
    until(LIMIT, "every device to be tapped", || {
        untapped(node).is_empty().then_some(())
    });
    running
}

/// Its findings, then its figures.
#[track_caller]
fn findings(ended: &Ended) -> (Vec<Value>, Value) {
    let lines = ended.stdout.lines();
    let lines = lines.map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}")));
    let mut all: Vec<Value> = lines.collect();
    let summary = all.pop().expect("the figures");
    assert_eq!(summary["format"], SUMMARY, "{summary:#}");
    assert!(
        all.iter()
            .all(|f| f["format"] == "swarmtrace-rst" && f["version"] == 1)
    );
    assert_eq!(summary["found"], all.len(), "{summary:#}");
    assert_eq!(summary["lost"], 0, "{summary:#}");
    (all, summary)
}

fn mesh() -> SocketAddr {
    (Side::A.front(), VOTE.published).into()
}

/// A client that has asked, has not read the answer, and is about to hang up.
fn asked(replica: &Replica) -> TcpStream {
    let client = replica.client();
    let mut stream = client
        .run(|| TcpStream::connect_timeout(&mesh(), LIMIT))
        .expect("an open port");
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("send");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    let answered = stream.peek(&mut [0]).expect("an answer");
    assert_eq!(answered, 1);
    stream
}

#[test]
fn nobody_listens() {
    needs!(Root, Btf);
    let mut replica = Replica::start();
    replica.stop_server("vote.1");
    replica.stop_server("vote.2");
    let task = replica.task("vote.1").inode();
    for (options, code) in [
        (&["--output", "json"][..], 0),
        (&["-o", "json", "--fail"], 1),
    ] {
        let running = watch(replica.node(Side::A), options);
        for _ in 0..2 {
            request(replica.client(), mesh()).expect_err("nobody listens");
        }
        let ended = running.interrupt(LIMIT);
        ended.expect_code(code);
        let (found, summary) = findings(&ended);
        // The balancers take turns: one of the two was refused on node b.
        assert_eq!(found.len(), 2, "{found:#?}");
        assert_eq!(summary["resets"], 2);
        for finding in &found {
            assert_eq!(finding["kind"], "refused");
            assert_eq!(finding["during_handshake"], true);
            assert_eq!(finding["side"], "server");
        }
        let here: Vec<&Value> = (found.iter())
            .filter(|f| f["birthplace"]["netns"] == task)
            .collect();
        assert_eq!(here.len(), 1, "{found:#?}");
        assert_eq!(here[0]["verdict"]["id"], "no-listener");
        assert_eq!(here[0]["entry"], mesh().to_string());
        let timeline = &here[0]["timeline"];
        assert_eq!(timeline["format"], "swarmtrace-timeline");
        assert_eq!(timeline["state"]["is"], "refused");
        assert_eq!(summary["groups"].as_array().map(Vec::len), Some(2));
    }
}

#[test]
fn silence() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let sandbox = replica.node(Side::A).namespace(INGRESS_SBOX);
    sandbox.output("iptables", &["-I", "FORWARD", "-j", "DROP"], "");
    let running = watch(
        replica.node(Side::A),
        &["-o", "json", "--handshake-only", "-c", "1"],
    );
    request(replica.client(), mesh()).expect_err("nothing passes");
    // `--count` ends it.
    let ended = running.wait(LIMIT);
    ended.expect_code(0);
    let (found, _) = findings(&ended);
    assert_eq!(found[0]["kind"], "unanswered");
    assert_eq!(found[0]["side"], Value::Null);
    let last = &found[0]["birthplace"];
    assert_eq!(last["netns"], sandbox.inode(), "{last:#}");
    assert_eq!(
        (&last["device"], &last["way"]),
        (&"eth1".into(), &"in".into())
    );
    assert!(found[0]["verdict"]["id"].is_string(), "{:#}", found[0]);
}

#[test]
fn nothing_is_wrong() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let running = watch(replica.node(Side::A), &["--fail", "-o", "json"]);
    let vip = SocketAddr::from((VOTE.vip(), 80));
    assert_eq!(many(replica.client(), mesh(), 300, 8), 300);
    assert_eq!(many(replica.task("client.1"), vip, 100, 4), 100);
    // Whatever is reported late is reported by then.
    std::thread::sleep(Duration::from_secs(5));
    let ended = running.interrupt(LIMIT);
    ended.expect_code(0);
    let (found, summary) = findings(&ended);
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(summary["uncertain"], 0, "{summary:#}");
    assert!(
        ended.stderr.contains("nothing was reset"),
        "{}",
        ended.stderr
    );
    assert!(summary["events"].as_u64() > Some(400 * 4), "{summary:#}");
}

#[test]
fn a_client_hangs_up() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let before = asked(&replica);
    let running = watch(replica.node(Side::A), &["--fail", "-o", "json"]);
    let during = asked(&replica);
    let clients = [&before, &during].map(|s| s.local_addr().expect("an address").to_string());
    drop((before, during));
    std::thread::sleep(Duration::from_secs(3));
    let ended = running.interrupt(LIMIT);
    ended.expect_code(1);
    let (found, _) = findings(&ended);
    assert_eq!(found.len(), 2, "one each: {found:#?}");
    for (client, began) in clients.iter().zip(["before", "during"]) {
        let mine = |f: &&Value| f["client"] == client.as_str();
        let finding = found.iter().find(mine);
        let finding = finding.unwrap_or_else(|| panic!("{began}: {client} in {found:#?}"));
        assert_eq!(finding["kind"], "reset", "{began}");
        assert_eq!(finding["side"], "client", "{began}");
        assert_eq!(finding["during_handshake"], false, "{began}");
        assert_eq!(finding["entry"], mesh().to_string(), "{began}");
        let birth = &finding["birthplace"];
        let host = replica.node(Side::A).host().inode();
        assert_eq!(birth["netns"], host, "{began}: {birth:#}");
        assert_eq!(
            (&birth["device"], &birth["way"]),
            (&"eth0".into(), &"in".into())
        );
        assert_eq!(
            finding["verdict"]["id"], "client-reset",
            "{began}: {finding:#}"
        );
        let unseen = finding["timeline"]["gaps"]
            .to_string()
            .contains("start_not_seen");
        assert_eq!(unseen, began == "before", "{finding:#}");
    }
}

#[test]
fn only_the_handshakes() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let options = ["--fail", "--handshake-only", "-o", "json"];
    let running = watch(replica.node(Side::A), &options);
    drop(asked(&replica));
    std::thread::sleep(Duration::from_secs(2));
    let ended = running.interrupt(LIMIT);
    ended.expect_code(0);
    assert!(findings(&ended).0.is_empty());
}

#[test]
fn repeats_are_counted() {
    needs!(Root, Btf);
    let mut replica = Replica::start();
    replica.stop_server("vote.1");
    replica.stop_server("vote.2");
    let mut running = watch(replica.node(Side::A), &["--port", "8080"]);
    for _ in 0..20 {
        request(replica.client(), mesh()).expect_err("nobody listens");
    }
    // The line at an interval.
    let limit = Duration::from_secs(30);
    running.wait_for(limit, "to count", |out, _| out.contains(" more in "));
    let ended = running.interrupt(LIMIT);
    ended.expect_code(0);
    let full = ended.stdout.matches("the reset was first seen").count();
    assert_eq!(
        full, 2,
        "the first of each task's in full:\n{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("+9"), "{}", ended.stdout);
    let table = ended.stdout.split("count").last().expect("a table");
    let rows: Vec<&str> = table.lines().skip(1).collect();
    assert_eq!(rows.len(), 2, "{}", ended.stdout);
    for row in rows {
        assert!(row.starts_with("10 "), "{row}");
        assert!(row.contains("refused"), "{row}");
    }
    assert!(
        ended.stderr.contains("20 connections failed"),
        "{}",
        ended.stderr
    );
}
