//! What tcpdump, the kernel's tables and swarmtrace report of some traffic on both
//! nodes, and assertions that compare them.

use super::follow::{Followed, Following};
use super::listener::Listener;
use super::nodes::{NODES, Swarm};
use super::tables::{Table, keep_ended_connections, tables};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use truth::conntrack::Entry;
use truth::ipvs::Connection;
use truth::printed::Rewrite;
use truth::rules::mark_for_port;
use truth::{Expectation, Flow, Sighting, Timeline};

/// What was seen on both nodes: by tcpdump, by swarmtrace, in the tables.
#[derive(Debug)]
pub struct Outcome {
    /// tcpdump's sightings, in order.
    pub seen: Vec<Sighting>,
    /// What swarmtrace printed on node a and b.
    pub followed: [Followed; 2],
    /// The tables of node a's and b's namespaces.
    pub tables: [Vec<Table>; 2],
}

/// Listens and follows on both nodes while `act` runs.
#[track_caller]
pub fn watch(swarm: &Swarm, options: &str, act: impl FnOnce()) -> Outcome {
    for node in NODES {
        keep_ended_connections(swarm, node);
    }
    let follows = NODES.map(|node| Following::start(swarm, node, options));
    let listeners = NODES.map(|node| Listener::start(swarm, node));
    act();
    let seen = listeners.map(Listener::stop);
    let tables = NODES.map(|node| tables(swarm, node));
    let followed = follows.map(Following::stop);
    let mut seen = seen.concat();
    seen.sort_by_key(|s| s.time);
    Outcome {
        seen,
        followed,
        tables,
    }
}

impl Outcome {
    /// The TCP connections whose first SYN went to `to` there, in order.
    pub fn opened(&self, to: SocketAddr) -> Vec<Flow> {
        let mut known = BTreeSet::new();
        let opens = |s: &&Sighting| s.packet.has(2, 0x10) && s.packet.destination == to;
        let numbers: Vec<u32> = self
            .seen
            .iter()
            .filter(opens)
            .map(|s| s.packet.seq)
            .collect();
        let fresh = numbers.into_iter().filter(|n| known.insert(*n));
        fresh.map(|isn| Flow::of_isn(&self.seen, isn)).collect()
    }

    /// Conntrack's tables of a node (0 or 1).
    pub fn conntrack(&self, node: usize) -> Vec<(u32, Vec<Entry>)> {
        self.tables[node]
            .iter()
            .map(|t| (t.netns, t.conntrack.clone()))
            .collect()
    }

    /// Inodes of a node's namespaces.
    pub fn namespaces(&self, node: usize) -> Vec<u32> {
        self.tables[node].iter().map(|t| t.netns).collect()
    }

    /// Checks the timeline of each node that the flow passes.
    #[track_caller]
    pub fn assert_true(&self, flow: &Flow) -> &Timeline {
        for (node, followed) in self.followed.iter().enumerate() {
            let namespaces = self.namespaces(node);
            if flow.steps.iter().any(|s| namespaces.contains(&s.at.netns)) {
                Expectation {
                    flow,
                    namespaces: &namespaces,
                    conntrack: &self.conntrack(node),
                    without: &[],
                    rewrites: true,
                }
                .assert(followed.timeline(flow));
            }
        }
        self.followed[0].timeline(flow)
    }

    /// Checks that IPVS's own table has the backend that the timeline names.
    #[track_caller]
    pub fn assert_ipvs(&self, timeline: &Timeline) {
        let hop = timeline.hops.iter().find_map(|hop| {
            let chosen = hop.rewrites.iter().find_map(|rewrite| match rewrite {
                Rewrite::Ipvs {
                    virtual_server,
                    backend,
                    mark,
                } => Some((*virtual_server, *backend, *mark)),
                _ => None,
            });
            chosen.map(|chosen| (hop, chosen))
        });
        let (hop, (virtual_server, backend, mark)) =
            hop.unwrap_or_else(|| panic!("no choice of IPVS in {timeline:#?}"));
        let table = self.tables[0].iter().find(|t| t.netns == hop.netns);
        let table = table.expect("the load balancer's tables");
        let there = |c: &&Connection| c.virtual_server == virtual_server && c.backend == backend;
        let connections: Vec<_> = table.ipvs.iter().filter(there).collect();
        assert!(
            connections
                .iter()
                .any(|c| c.client.port() == timeline.client.port()),
            "{virtual_server} → {backend} is not IPVS's: {:#?}",
            table.ipvs
        );
        if table.name == "ingress_sbox" {
            let rule = mark_for_port(&table.mangle, virtual_server.port());
            assert_eq!(
                mark.or(Some(hop.mark)),
                rule,
                "the mark of the rule that was hit"
            );
        }
        assert_ne!(hop.mark, 0, "{hop:#?}");
    }

    /// Has swarmtrace join both nodes' timelines and checks the whole path.
    #[track_caller]
    pub fn assert_joined(&self, joined: &[Timeline], flow: &Flow) {
        let found: Vec<_> = joined.iter().filter(|t| t.key.isn == flow.isn).collect();
        assert_eq!(
            found.len(),
            1,
            "joined timelines of one flow among {joined:#?}"
        );
        Expectation {
            flow,
            namespaces: &[self.namespaces(0), self.namespaces(1)].concat(),
            conntrack: &[self.conntrack(0), self.conntrack(1)].concat(),
            without: &[],
            rewrites: true,
        }
        .assert(found[0]);
        assert_eq!(found[0].nodes, ["node-a", "node-b"]);
        let clock = found[0].clocks.iter().find(|c| c.node == "node-b");
        let clock = clock.expect("node-b's clock is estimated");
        let bound = clock.bound_ns.expect("the offset has a bound");
        assert!(
            clock.offset_ns.unsigned_abs() <= bound,
            "one kernel, one clock: {clock:?}"
        );
    }
}

impl Followed {
    /// The timeline of a TCP flow; panics if there is not exactly one.
    #[track_caller]
    pub fn timeline(&self, flow: &Flow) -> &Timeline {
        let found: Vec<_> = self
            .timelines
            .iter()
            .filter(|t| t.key.isn == flow.isn)
            .collect();
        match found[..] {
            [timeline] => timeline,
            _ => panic!(
                "{} timelines on {} of the flow with ISN {:?}: {}",
                found.len(),
                self.node,
                flow.isn,
                self.stderr
            ),
        }
    }
}
