//! Every kind of flow on the real Swarm, the same on each kernel.

use crate::swarm::{NODES, Swarm, watch};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use swarm_vm::{Kernel, Node};
use truth::{Expectation, Flow, Sighting, Timeline, Way};

/// Joins what both nodes printed.
#[track_caller]
fn join(swarm: &Swarm) -> Vec<Timeline> {
    // Both nodes share the VM's /tmp, where their traces are.
    let arguments = [
        "join",
        "--output",
        "json",
        "/tmp/follow-a.json",
        "/tmp/follow-b.json",
    ];
    let (status, stdout, stderr) = swarm.swarmtrace(Node::A, &arguments);
    assert_eq!(status, 0, "swarmtrace join: {stderr}");
    Timeline::all(&stdout)
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// External client → node a, for a task on the same node and on the other, and
/// the node itself as client.
pub fn routing_mesh(kernel: Kernel) {
    routing_mesh_of(&Swarm::up(kernel));
}

/// The same on a Swarm that is up.
pub fn routing_mesh_of(swarm: &Swarm) {
    let mut answers = String::new();
    let outcome = watch(swarm, "--service vote --port 8080", || {
        let four = "for i in 1 2 3 4; do vmtool get 192.168.90.1 8080 / 20; done";
        answers += &swarm.sh(Node::Vm, four);
        answers += &swarm.sh(
            Node::A,
            "for i in 1 2; do vmtool get 127.0.0.1 8080 / 20; done",
        );
    });
    for task in ["vote.1 ", "vote.2 "] {
        assert!(answers.contains(task), "{task}did not answer:\n{answers}");
    }
    let outside = outcome.opened(address("192.168.90.1:8080"));
    assert_eq!(outside.len(), 4, "{answers}");
    let joined = join(swarm);
    let mut nodes = BTreeSet::new();
    for flow in &outside {
        let timeline = outcome.assert_true(flow);
        outcome.assert_ipvs(timeline);
        assert_eq!(timeline.service.as_deref(), Some("vote"));
        let task = timeline.task.clone().unwrap_or_default();
        assert!(task == "vote.1" || task == "vote.2", "task {task:?}");
        let crosses = flow
            .steps
            .iter()
            .any(|s| s.at.namespace.starts_with("node-b"));
        nodes.insert(crosses);
        if crosses {
            outcome.assert_joined(&joined, flow);
        }
    }
    assert_eq!(nodes.len(), 2, "tasks on both nodes answered");
    let own = outcome.opened(address("172.18.0.2:8080"));
    let own: Vec<_> = own
        .iter()
        .filter(|f| !outside.iter().any(|o| o.isn == f.isn))
        .collect();
    assert_eq!(own.len(), 2, "{answers}");
    for flow in own {
        outcome.assert_true(flow);
    }
}

/// Container → virtual address, task names and dnsrr service.
pub fn container_to_service(kernel: Kernel) {
    let swarm = Swarm::up(kernel);
    let client = "$(docker ps -q -f name=client.1)";
    let ask = || {
        swarm.sh(
            Node::A,
            &format!(
                "docker exec {client} sh -c 'for name in vote vote tasks.vote direct direct; do \
                 wget -q -O - http://$name/; done'"
            ),
        );
    };
    // A bridge floods what is for an address that it has not learnt, and the copies
    // have no order: each task that may be chosen sends a packet first.
    let addresses = "docker inspect -f '{{with .NetworkSettings.Networks.overlay1}}{{.IPAddress}}{{end}}' \
                     $(docker ps -q -f name=vote. -f name=direct.)";
    let tasks = NODES.map(|node| swarm.sh(node, addresses)).concat();
    let tasks: Vec<&str> = tasks.split_whitespace().collect();
    assert_eq!(tasks.len(), 4, "two tasks of each service: {tasks:?}");
    let all = tasks.join(" ");
    swarm.sh(
        Node::A,
        &format!(
            "docker exec {client} sh -c 'for task in {all}; do wget -q -O - http://$task/; done'"
        ),
    );
    ask();
    let outcome = watch(&swarm, "--network overlay1 --port 80", ask);
    let networks = "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}'";
    let own = swarm.sh(Node::A, &format!("{networks} {client}"));
    let own: BTreeSet<_> = own.split_whitespace().collect();
    let from_client = |f: &Flow| {
        let first = &f.steps[0].at.packet;
        own.contains(first.source.ip().to_string().as_str())
    };
    let mut entries: BTreeSet<SocketAddr> = BTreeSet::new();
    for s in outcome.seen.iter().filter(|s| s.packet.has(2, 0x10)) {
        entries.insert(s.packet.destination);
    }
    let mut flows: Vec<Flow> = entries.iter().flat_map(|to| outcome.opened(*to)).collect();
    flows.retain(from_client);
    flows.sort_by_key(|f| (f.isn, f.steps[0].at.time));
    flows.dedup_by_key(|f| f.isn);
    assert_eq!(flows.len(), 5, "five requests, five connections");
    // A bridge that has not learnt an address yet floods: the balancer's NIC gets
    // a copy of what is not meant for it, but sends nothing on.
    let balanced = |f: &Flow| {
        let sent_on = |s: &Sighting| s.namespace.contains(" lb_") && s.way == Way::Out;
        f.steps.iter().any(|s| sent_on(&s.at))
    };
    let (balanced, straight): (Vec<_>, Vec<_>) = flows.iter().partition(|f| balanced(f));
    assert_eq!((balanced.len(), straight.len()), (2, 3));
    for flow in balanced {
        outcome.assert_ipvs(outcome.assert_true(flow));
    }
    let joined = join(&swarm);
    for flow in straight {
        outcome.assert_true(flow);
        if flow
            .steps
            .iter()
            .any(|s| s.at.namespace.starts_with("node-b"))
        {
            outcome.assert_joined(&joined, flow);
        }
    }
}

/// A port published with mode=host keeps the client's address.
pub fn host_mode(kernel: Kernel) {
    let swarm = Swarm::up(kernel);
    let outcome = watch(&swarm, "--service hosted --port 8081", || {
        swarm.sh(Node::Vm, "vmtool get 192.168.90.1 8081 / 20");
    });
    let flows = outcome.opened(address("192.168.90.1:8081"));
    assert_eq!(flows.len(), 1);
    let timeline = outcome.assert_true(&flows[0]);
    let last = timeline.of("syn", "forward");
    let last = last.last().expect("hops");
    assert_eq!(last.source.ip().to_string(), "192.168.90.254");
}

/// UDP through the routing mesh, to tasks on both nodes.
pub fn udp(kernel: Kernel) {
    let swarm = Swarm::up(kernel);
    let sent: Vec<String> = (1..=4).map(|n| format!("datagram-{n}")).collect();
    let mut answers = Vec::new();
    let outcome = watch(&swarm, "--service echo-udp --port 9053", || {
        for text in &sent {
            let send = format!("vmtool udp-send 192.168.90.1 9053 {text} 20");
            answers.push(swarm.sh(Node::Vm, &send));
        }
    });
    for (text, answer) in sent.iter().zip(&answers) {
        let flow = Flow::udp(&outcome.seen, text.as_bytes(), answer.trim_end().as_bytes());
        assert!(!flow.steps.is_empty(), "{text}: tcpdump saw nothing");
        let client = flow.steps[0].at.packet.source;
        for (node, followed) in outcome.followed.iter().enumerate() {
            let namespaces = outcome.namespaces(node);
            if !flow.steps.iter().any(|s| namespaces.contains(&s.at.netns)) {
                continue;
            }
            let same = |t: &&Timeline| t.client.port() == client.port();
            let found: Vec<_> = followed.timelines.iter().filter(same).collect();
            assert_eq!(found.len(), 1, "timelines of {text} on {}", followed.node);
            Expectation {
                flow: &flow,
                namespaces: &namespaces,
                conntrack: &outcome.conntrack(node),
                without: &[],
                rewrites: true,
            }
            .assert(found[0]);
            if node == 0 {
                outcome.assert_ipvs(found[0]);
            }
        }
    }
}
