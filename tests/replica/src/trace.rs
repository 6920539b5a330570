//! `swarmtrace follow` on a node of the replica: started, ready, stopped, and its
//! timelines compared with what the kernel says.

use crate::hooks::Hooks;
use crate::node::Node;
use crate::plan::Side;
use crate::replica::Replica;
use bed::deadline::until;
use bed::program::{Ended, Running};
use std::time::Duration;
use truth::conntrack::{self, Entry};
use truth::{Expectation, Flow, Timeline};

/// How long swarmtrace may take to attach everywhere, or to end.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A running `follow --output json`.
#[derive(Debug)]
pub struct Trace {
    /// The process.
    pub running: Running,
    side: Side,
}

/// What a trace left when it ended.
#[derive(Debug)]
pub struct Traced {
    /// How it ended and all it wrote.
    pub ended: Ended,
    /// The timelines it printed.
    pub timelines: Vec<Timeline>,
    side: Side,
}

impl Trace {
    /// Starts following on a node; returns once every device there is tapped.
    #[track_caller]
    pub fn start(node: &Node, options: &[&str]) -> Self {
        let mut arguments = vec!["follow", "--output", "json"];
        arguments.extend(options);
        let mut trace = Self {
            running: node.swarmtrace(arguments),
            side: node.side(),
        };
        trace.wait_until_ready(node);
        trace
    }

    /// Waits until it prints that it is tracing and every device of the node is tapped.
    #[track_caller]
    pub fn wait_until_ready(&mut self, node: &Node) {
        self.running
            .wait_for(LIMIT, "to print that it is tracing", |_, err| {
                err.contains("tracing")
            });
        let what = "every device to be tapped";
        until(LIMIT, what, || untapped(node).is_empty().then_some(()));
    }

    /// Sends SIGINT and reads the timelines that it printed.
    #[track_caller]
    pub fn stop(self) -> Traced {
        let ended = self.running.interrupt(LIMIT);
        ended.expect_code(0);
        Traced {
            timelines: Timeline::all(&ended.stdout),
            ended,
            side: self.side,
        }
    }

    /// Waits for it to end by itself and reads what it printed.
    #[track_caller]
    pub fn wait(self) -> Traced {
        let ended = self.running.wait(LIMIT);
        ended.expect_code(0);
        Traced {
            timelines: Timeline::all(&ended.stdout),
            ended,
            side: self.side,
        }
    }
}

/// Devices of a node that are to be tapped and are not. `br0` carries no
/// packet that its ports do not, and none of its hooks ever fires.
#[track_caller]
pub fn untapped(node: &Node) -> Vec<String> {
    let mut untapped = Hooks::of(node.namespaces()).untapped();
    untapped.retain(|device| !device.ends_with(" br0"));
    untapped
}

impl Traced {
    /// The node that was traced.
    pub fn side(&self) -> Side {
        self.side
    }

    /// The timeline of a flow; panics if there is not exactly one.
    #[track_caller]
    pub fn timeline(&self, flow: &Flow) -> &Timeline {
        let first = flow.steps.first().expect("the flow has packets");
        let same = |t: &&Timeline| match flow.isn {
            Some(isn) => t.key.isn == Some(isn),
            None => t.client.port() == first.at.packet.source.port(),
        };
        let found: Vec<&Timeline> = self.timelines.iter().filter(same).collect();
        match found[..] {
            [timeline] => timeline,
            _ => panic!(
                "{} timelines on {} of the flow from {}, among {:?}\n{}",
                found.len(),
                self.side.hostname(),
                first.at.packet.source,
                self.timelines
                    .iter()
                    .map(|t| (t.client, t.entry))
                    .collect::<Vec<_>>(),
                self.ended.stderr
            ),
        }
    }

    /// Panics unless the flow's timeline is what the kernel says of it, with the
    /// node's [`tables`] as they were right after the traffic.
    #[track_caller]
    pub fn assert_true(
        &self,
        replica: &Replica,
        conntrack: &[(u32, Vec<Entry>)],
        flow: &Flow,
    ) -> &Timeline {
        let timeline = self.timeline(flow);
        let node = replica.node(self.side);
        Expectation {
            flow,
            namespaces: &inodes(node),
            conntrack,
            without: &[],
            rewrites: timeline.state.is != "refused",
        }
        .assert(timeline);
        timeline
    }
}

/// Inodes of a node's namespaces.
pub fn inodes(node: &Node) -> Vec<u32> {
    node.namespaces()
        .map(bed::namespace::Namespace::inode)
        .collect()
}

/// Conntrack's table in each of a node's namespaces.
pub fn tables(node: &Node) -> Vec<(u32, Vec<Entry>)> {
    let table = |namespace: &bed::namespace::Namespace| {
        let listing = namespace
            .run(|| std::fs::read_to_string("/proc/thread-self/net/nf_conntrack"))
            .expect("this kernel lists conntrack's table in /proc/net/nf_conntrack");
        (namespace.inode(), conntrack::parse(&listing))
    };
    node.namespaces().map(table).collect()
}
