//! Bridges that have not learnt a MAC send a frame for it everywhere: the
//! timeline's path is the same as when they have.

use bed::traffic::request_answered_by;
use needs::needs;
use replica::plan::VOTE;
use replica::trace::{LIMIT, Trace};
use replica::{Replica, Side};
use std::net::SocketAddr;
use truth::Timeline;

#[test]
fn a_path_has_no_hops_of_flooded_frames() {
    needs!(Root, Btf);
    let replica = Replica::start();
    let mesh = SocketAddr::from((Side::A.front(), VOTE.published));
    let vip = SocketAddr::from((VOTE.vip(), 80));
    let container = replica.task("client.1");
    let request = |task: &str| {
        [
            request_answered_by(replica.client(), mesh, task),
            request_answered_by(container, vip, task),
        ]
    };
    for task in ["vote.1", "vote.2"] {
        request(task);
    }

    let mut trace = Trace::start(replica.node(Side::A), &[]);
    let learnt = ["vote.1", "vote.2"].map(request);
    for (_, namespace) in replica.namespaces() {
        for (_, device) in namespace.devices() {
            if device == "br0" || device == "docker_gwbridge" {
                // A bridge that forgets at once is a hub.
                namespace.ip([format!("link set {device} type bridge ageing_time 0")]);
            }
        }
    }
    let flooded = ["vote.1", "vote.2"].map(request);
    let printed = |clients: &[SocketAddr], out: &str| {
        let whole = out.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let all = Timeline::all(whole);
        clients.iter().all(|c| all.iter().any(|t| t.client == *c))
    };
    let clients: Vec<SocketAddr> = flooded.iter().flatten().map(|e| e.local).collect();
    trace
        .running
        .wait_for(LIMIT, "the flooded flows to be printed", |out, _| {
            printed(&clients, out)
        });
    let traced = trace.stop();
    let timeline = |client: SocketAddr| {
        let found = traced.timelines.iter().find(|t| t.client == client);
        found.unwrap_or_else(|| panic!("no timeline of {client}"))
    };

    let mut copies = 0;
    for (learnt, flooded) in learnt.iter().flatten().zip(flooded.iter().flatten()) {
        let (before, after) = (timeline(learnt.local), timeline(flooded.local));
        for (phase, leg) in [("syn", "forward"), ("syn_ack", "reply")] {
            let path = |t: &Timeline| -> Vec<String> {
                let hops = t.of(phase, leg);
                let at = hops
                    .iter()
                    .map(|h| format!("{} {} {:?}", h.netns, h.device, h.way));
                at.collect()
            };
            assert_eq!(path(before), path(after), "{phase} to {}", before.entry);
        }
        assert_eq!(before.copies, 0, "{before:#?}");
        copies += after.copies;
    }
    assert!(copies > 0, "no bridge has flooded anything");
}
