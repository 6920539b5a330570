//! A timeline includes what the kernel reports of its packets: where they were
//! dropped and why, and who sent the reset.

use bed::traffic::{request, request_answered_by};
use needs::needs;
use replica::plan::VOTE;
use replica::trace::{Trace, Traced};
use replica::{Replica, Side};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use truth::Timeline;

/// The timelines of connections that got to that namespace, and the others.
fn reached(traced: &Traced, netns: u32) -> (Vec<&Timeline>, Vec<&Timeline>) {
    let there = |t: &&Timeline| t.hops.iter().any(|hop| hop.netns == netns);
    traced.timelines.iter().partition(there)
}

fn mesh() -> SocketAddr {
    SocketAddr::from((Side::A.front(), VOTE.published))
}

/// Whether this kernel says why it drops and resets (5.17, 6.10).
fn has(symbol: &str) -> bool {
    let types = std::fs::read("/sys/kernel/btf/vmlinux").expect("the kernel has BTF");
    types
        .windows(symbol.len())
        .any(|bytes| bytes == symbol.as_bytes())
}

#[test]
fn dropped_by_a_rule_in_the_task() {
    needs!(Root, Btf);
    let replica = Replica::start();
    for task in ["vote.1", "vote.2"] {
        let rule = "-I INPUT -p tcp --dport 80 -j DROP";
        let words: Vec<&str> = rule.split(' ').collect();
        replica.task(task).output("iptables", &words, "");
    }
    let trace = Trace::start(replica.node(Side::A), &["--port", "8080"]);
    let moment = Duration::from_millis(1500);
    for _ in 0..2 {
        let client = || TcpStream::connect_timeout(&mesh(), moment);
        let error = replica.client().run(client).expect_err("nobody answers");
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    }
    // An unanswered connection is emitted after three seconds.
    std::thread::sleep(Duration::from_millis(2500));
    let traced = trace.stop();
    let netns = replica.task("vote.1").inode();
    let (here, elsewhere) = reached(&traced, netns);
    let ([timeline], [other]) = (&here[..], &elsewhere[..]) else {
        panic!("{}", traced.ended.stdout)
    };
    assert_eq!(timeline.state.is, "unanswered");
    let syn = timeline.of("syn", "forward");
    let last = syn.iter().rfind(|hop| hop.netns == netns).expect("a hop");
    assert!(!timeline.drops.is_empty());
    for drop in &timeline.drops {
        assert_eq!((drop.netns, &drop.namespace), (netns, &last.namespace));
        assert_eq!(drop.device.as_ref(), Some(&last.device), "{drop:?}");
        assert_eq!(drop.node, "node-a");
        assert_eq!(
            (drop.destination.ip(), drop.destination.port()),
            (last.destination.ip(), 80)
        );
        if has("SKB_DROP_REASON_NETFILTER_DROP") {
            assert_eq!(
                drop.reason.as_deref(),
                Some("SKB_DROP_REASON_NETFILTER_DROP")
            );
        }
        let symbol = drop.symbol.as_deref().expect("a function");
        let netfilter = ["nf_hook_slow+0x", "nft_do_chain+0x", "ipt_do_table+0x"];
        assert!(
            netfilter.iter().any(|site| symbol.starts_with(site)),
            "{symbol}"
        );
    }
    assert!(timeline.resets.is_empty());
    // What the other node's task dropped is reported by that node.
    assert!(other.drops.is_empty(), "{:?}", other.drops);
}

#[test]
fn refused_because_nobody_listens() {
    needs!(Root, Btf);
    let mut replica = Replica::start();
    replica.stop_server("vote.1");
    replica.stop_server("vote.2");
    let trace = Trace::start(replica.node(Side::A), &["--port", "8080"]);
    for _ in 0..2 {
        let refused = request(replica.client(), mesh()).expect_err("nobody listens");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }
    let traced = trace.stop();
    let netns = replica.task("vote.1").inode();
    let (here, elsewhere) = reached(&traced, netns);
    let ([timeline], [other]) = (&here[..], &elsewhere[..]) else {
        panic!("{}", traced.ended.stdout)
    };
    assert_eq!(
        (&*timeline.state.is, &*other.state.is),
        ("refused", "refused")
    );
    let last = timeline.of("syn", "forward");
    let last = last.iter().rfind(|hop| hop.netns == netns).expect("a hop");
    let drops: Vec<_> = timeline
        .drops
        .iter()
        .filter(|drop| drop.netns == netns)
        .collect();
    let [drop] = drops[..] else {
        panic!("{:?}", timeline.drops)
    };
    assert_eq!(drop.device.as_ref(), Some(&last.device));
    assert_eq!(drop.source, last.source);
    if has("SKB_DROP_REASON_NO_SOCKET") {
        assert_eq!(drop.reason.as_deref(), Some("SKB_DROP_REASON_NO_SOCKET"));
    }
    let symbol = drop.symbol.as_deref().expect("a function");
    assert!(symbol.starts_with("tcp_v4_rcv+0x"), "{symbol}");
    if has("SK_RST_REASON_NO_SOCKET") {
        let [reset] = &timeline.resets[..] else {
            panic!("{:?}", timeline.resets)
        };
        assert_eq!(reset.netns, netns);
        assert_eq!(
            (reset.source, reset.destination),
            (drop.destination, drop.source)
        );
        assert_eq!(reset.reason.as_deref(), Some("SK_RST_REASON_NO_SOCKET"));
    }
    assert!(other.resets.is_empty(), "{:?}", other.resets);
}

#[test]
fn a_healthy_flow_has_no_drops_and_resets() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let trace = Trace::start(replica.node(Side::A), &["--port", "8080"]);
    for task in ["vote.1", "vote.2"] {
        request_answered_by(replica.client(), mesh(), task);
    }
    let traced = trace.stop();
    assert!(traced.timelines.len() >= 2);
    for timeline in &traced.timelines {
        assert_eq!(timeline.state.is, "closed");
        assert!(timeline.drops.is_empty(), "{:?}", timeline.drops);
        assert!(timeline.resets.is_empty(), "{:?}", timeline.resets);
    }
}
