//! Every kind of flow, traced on both nodes of the replica at once: each node's
//! timeline is what tcpdump and conntrack say of that node, hop by hop, and the
//! two joined are the whole path.

use bed::binary::swarmtrace_binary;
use bed::program::Running;
use bed::traffic::{datagram, request, request_answered_by};
use needs::needs;
use replica::Listener;
use replica::plan::{BACKNET, ECHO, HOSTED_PORT, INGRESS_SBOX, VOTE};
use replica::trace::{LIMIT, Trace, Traced, inodes, tables};
use replica::{Replica, Side};
use std::fs;
use std::net::SocketAddr;
use truth::conntrack::Entry;
use truth::rules::{self, mark_for_port};
use truth::{Expectation, Flow, Sighting, Timeline};

/// A replica that is listened to and traced, on both nodes.
struct Scene {
    replica: Replica,
    listener: Listener,
    traces: [Trace; 2],
}

/// What was seen of it, by tcpdump and by swarmtrace on either node.
struct Outcome {
    replica: Replica,
    seen: Vec<Sighting>,
    conntrack: [Vec<(u32, Vec<Entry>)>; 2],
    traced: [Traced; 2],
}

impl Scene {
    fn start(options: &[&str]) -> Self {
        let replica = Replica::start();
        let traces = Side::BOTH.map(|side| Trace::start(replica.node(side), options));
        let listener = Listener::start(&replica);
        Self {
            replica,
            listener,
            traces,
        }
    }

    fn end(self) -> Outcome {
        // First: entries of refused connections go within seconds.
        let conntrack = Side::BOTH.map(|side| tables(self.replica.node(side)));
        let seen = self.listener.stop();
        Outcome {
            conntrack,
            replica: self.replica,
            seen,
            traced: self.traces.map(Trace::stop),
        }
    }
}

impl Outcome {
    fn tcp(&self, client: SocketAddr) -> Flow {
        Flow::tcp(&self.seen, client.port())
    }

    /// Checks node a's timeline, and node b's if the flow goes there.
    #[track_caller]
    fn assert_true(&self, flow: &Flow) {
        for traced in &self.traced {
            let passes = |side: Side| {
                let here = inodes(self.replica.node(side));
                flow.steps.iter().any(|s| here.contains(&s.at.netns))
            };
            if traced.side() == Side::A || passes(traced.side()) {
                traced.assert_true(&self.replica, &self.conntrack[traced.side().index()], flow);
            }
        }
    }

    /// Has swarmtrace join both nodes' timelines and checks the whole path.
    #[track_caller]
    fn assert_joined(&self, flow: &Flow) {
        let directory = tempfile::tempdir().expect("a directory");
        let files = ["a.json", "b.json"].map(|name| directory.path().join(name));
        for (file, traced) in files.iter().zip(&self.traced) {
            fs::write(file, &traced.ended.stdout).expect("write a trace");
        }
        let mut join = swarmtrace_programs::built(swarmtrace_binary());
        join.args(["join", "--output", "json"]).args(&files);
        let ended = Running::start(join).wait(LIMIT);
        ended.expect_code(0);
        let joined = Timeline::all(&ended.stdout);
        let same = |t: &&Timeline| match flow.isn {
            Some(isn) => t.key.isn == Some(isn),
            None => t.client.port() == flow.steps[0].at.packet.source.port(),
        };
        let joined: Vec<_> = joined.iter().filter(same).collect();
        assert_eq!(joined.len(), 1, "joined timelines of one flow: {joined:#?}");
        let nodes = Side::BOTH.map(|side| self.replica.node(side));
        Expectation {
            flow,
            namespaces: &nodes.map(inodes).concat(),
            conntrack: &self.conntrack.concat(),
            without: &[],
            rewrites: true,
        }
        .assert(joined[0]);
        assert_eq!(joined[0].nodes, ["node-a", "node-b"]);
        let clock = joined[0].clocks.iter().find(|c| c.node == "node-b");
        let clock = clock.expect("node-b's clock is estimated");
        // Both nodes share this kernel's clock: the true offset is 0.
        let bound = clock.bound_ns.expect("the offset has a bound");
        assert!(clock.offset_ns.unsigned_abs() <= bound, "{clock:?}");
    }
}

#[test]
fn the_routing_mesh_to_the_same_node_and_to_the_other_one() {
    needs!(Root, Btf);
    let scene = Scene::start(&["--port", "8080"]);
    let client = scene.replica.client();
    let mesh = SocketAddr::from((Side::A.front(), VOTE.published));
    let local = request_answered_by(client, mesh, "vote.1");
    let remote = request_answered_by(client, mesh, "vote.2");
    let outcome = scene.end();

    let local = outcome.tcp(local.local);
    outcome.assert_true(&local);
    let remote = outcome.tcp(remote.local);
    outcome.assert_true(&remote);
    outcome.assert_joined(&remote);

    // The mark is that of the rule that the kernel counted packets on.
    let sandbox = outcome.replica.node(Side::A).namespace(INGRESS_SBOX);
    let hit = rules::parse(&sandbox.output("iptables-save", &["-c"], ""));
    let mark = mark_for_port(&hit, VOTE.published).expect("a mark rule was hit");
    assert_eq!(mark, VOTE.ingress_mark[0]);
    for flow in [&local, &remote] {
        let timeline = outcome.traced[0].timeline(flow);
        assert_eq!(timeline.state.is, "closed");
        let syn = timeline.of("syn", "forward");
        let balanced = |h: &&&truth::printed::Hop| {
            h.netns == sandbox.inode()
                && h.destination.port() == VOTE.published
                && h.device == "eth0"
        };
        let hop = syn.iter().find(balanced).expect("the balancer's hop");
        assert_eq!(hop.mark, mark, "{hop:#?}");
        assert_eq!(hop.proof, "conntrack-confirmed", "{hop:#?}");
    }
}

#[test]
fn from_the_node_itself() {
    needs!(Root, Btf);
    let scene = Scene::start(&["--port", "8080"]);
    let host = scene.replica.node(Side::A).host();
    let loopback = SocketAddr::from(([127, 0, 0, 1], VOTE.published));
    let own = SocketAddr::from((Side::A.front(), VOTE.published));
    let exchanges = [
        request_answered_by(host, loopback, "vote.1"),
        request_answered_by(host, loopback, "vote.2"),
        request_answered_by(host, own, "vote.1"),
    ];
    let outcome = scene.end();
    for exchange in exchanges {
        outcome.assert_true(&outcome.tcp(exchange.local));
    }
}

#[test]
fn a_container_to_a_virtual_address_and_to_tasks() {
    needs!(Root, Btf);
    let scene = Scene::start(&["--port", "80"]);
    let container = scene.replica.task("client.1");
    let vip = (VOTE.vip(), 80);
    let connect = |to: SocketAddr| request(container, to).expect("an answer");
    let exchanges = [
        request_answered_by(container, vip, "vote.1"),
        request_answered_by(container, vip, "vote.2"),
        connect((BACKNET.address(9), 80).into()),
        connect((BACKNET.address(10), 80).into()),
        connect((BACKNET.address6(9), 80).into()),
        connect((BACKNET.address6(10), 80).into()),
    ];
    let outcome = scene.end();
    for (index, exchange) in exchanges.iter().enumerate() {
        let flow = outcome.tcp(exchange.local);
        outcome.assert_true(&flow);
        if index % 2 == 1 {
            outcome.assert_joined(&flow);
        }
    }
}

#[test]
fn a_port_published_on_the_node_alone() {
    needs!(Root, Btf);
    // Without Docker nobody knows that 8081 becomes 80 behind the node's DNAT.
    let scene = Scene::start(&[]);
    let hosted = (Side::A.front(), HOSTED_PORT);
    let hosted = request(scene.replica.client(), hosted).expect("an answer");
    let outcome = scene.end();
    let flow = outcome.tcp(hosted.local);
    outcome.assert_true(&flow);
}

#[test]
fn udp_through_the_routing_mesh() {
    needs!(Root, Btf);
    let scene = Scene::start(&["--port", "9053"]);
    let echo = (Side::A.front(), ECHO.published);
    let echo = datagram(scene.replica.client(), echo).expect("an answer");
    let outcome = scene.end();
    let flow = Flow::udp(&outcome.seen, &echo.sent, &echo.received);
    outcome.assert_true(&flow);
    outcome.assert_joined(&flow);
}

#[test]
fn refused_by_the_task() {
    needs!(Root, Btf);
    let mut replica = Replica::start();
    replica.stop_server("vote.1");
    replica.stop_server("vote.2");
    let scene = Scene {
        traces: Side::BOTH.map(|side| Trace::start(replica.node(side), &["--port", "8080"])),
        listener: Listener::start(&replica),
        replica,
    };
    let mesh = SocketAddr::from((Side::A.front(), VOTE.published));
    for _ in 0..2 {
        let refused = request(scene.replica.client(), mesh).expect_err("nobody listens");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }
    let outcome = scene.end();
    let opened = outcome
        .seen
        .iter()
        .filter(|s| s.namespace == "client" && s.packet.has(2, 0x10));
    let ports: Vec<u16> = opened.map(|s| s.packet.source.port()).collect();
    assert_eq!(ports.len(), 2);
    for port in ports {
        let flow = Flow::tcp(&outcome.seen, port);
        outcome.assert_true(&flow);
        assert_eq!(outcome.traced[0].timeline(&flow).state.is, "refused");
    }
}
