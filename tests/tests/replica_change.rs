//! Tasks come and go while a trace runs: new ones are tapped within a second, and
//! the taps of removed ones are released.

use bed::deadline::until;
use bed::traffic::request_answered_by;
use needs::needs;
use replica::Listener;
use replica::plan::VOTE;
use replica::trace::{Trace, untapped};
use replica::{Replica, Sandbox, Side};
use std::time::{Duration, Instant};
use truth::Flow;

const NEW: Sandbox = Sandbox {
    side: Side::A,
    name: "vote.3",
    file: "aa11bb22cc33",
    ingress: Some(20),
    backnet: Some(20),
    gateway: Some(20),
};

#[test]
fn a_new_task_is_tapped_within_a_second_and_a_gone_one_released() {
    needs!(Root, Btf);
    let mut replica = Replica::start();
    let trace = Trace::start(replica.node(Side::A), &["--port", "8080"]);

    replica.add_task(NEW);
    let ready = Instant::now();
    let limit = Duration::from_secs(1);
    let what = "every device of the new task to be tapped";
    until(limit, what, || {
        untapped(replica.node(Side::A)).is_empty().then_some(())
    });
    println!("tapped {:?} after the task was ready", ready.elapsed());

    let listener = Listener::start(&replica);
    let mesh = (Side::A.front(), VOTE.published);
    let exchange = request_answered_by(replica.client(), mesh, "vote.3");
    let seen = listener.stop();
    let flow = Flow::tcp(&seen, exchange.local.port());

    // The namespace is gone for good once its task is: nobody keeps it open.
    let inode = replica.task("vote.3").inode();
    let pid = trace.running.pid();
    let opened = || {
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("swarmtrace runs");
        let links = files
            .flatten()
            .filter_map(|f| std::fs::read_link(f.path()).ok());
        links
            .filter(|l| l.to_string_lossy() == format!("net:[{inode}]"))
            .count()
    };
    let kept = replica.node(Side::A);
    let conntrack = replica::trace::tables(kept);
    let namespaces = replica::trace::inodes(kept);
    replica.remove_task("vote.3");
    until(
        Duration::from_secs(15),
        "the gone namespace to be let go",
        || (opened() == 0).then_some(()),
    );

    // And traces go on.
    let exchange = request_answered_by(replica.client(), mesh, "vote.1");
    let traced = trace.stop();
    assert!(traced.timelines.iter().any(|t| t.client == exchange.local));
    truth::Expectation {
        flow: &flow,
        namespaces: &namespaces,
        conntrack: &conntrack,
        without: &[],
        rewrites: true,
    }
    .assert(traced.timeline(&flow));
}
