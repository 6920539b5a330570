//! The whole: two nodes, a client, and the wire between them.

use crate::node::Node;
use crate::plan::{CLIENT, ECHO, INGRESS_SBOX, LB, SANDBOXES, Sandbox, Side};
use crate::rules::{self, Balancer};
use bed::namespace::Namespace;
use bed::traffic::{self, Server};
use std::collections::BTreeMap;

/// Two nodes and a client.
#[derive(Debug)]
pub struct Replica {
    // Servers first: their sockets go before the namespaces that they are in.
    servers: BTreeMap<&'static str, Server>,
    client: Namespace,
    _wire: Namespace,
    nodes: [Node; 2],
    sandboxes: Vec<Sandbox>,
    balancer: Balancer,
}

impl Replica {
    /// Builds one. Panics, with the reason, where that is not possible.
    pub fn start() -> Self {
        let wire = Namespace::new("wire");
        wire.ip(["link add wire type bridge", "link set wire up"]);
        // A plain switch: no packet filter sees what only passes through it.
        wire.settings(&[
            ("net.bridge.bridge-nf-call-iptables", "0"),
            ("net.bridge.bridge-nf-call-ip6tables", "0"),
        ]);
        let client = Namespace::new("client");
        client.ip([
            format!(
                "link add eth0 type veth peer name client netns {}",
                wire.path().display()
            ),
            format!("address add {CLIENT}/24 dev eth0"),
            "link set eth0 up".to_owned(),
        ]);
        wire.ip(["link set client master wire up"]);
        let nodes = Side::BOTH.map(Node::new);
        nodes[0].connect(&wire, None);
        nodes[1].connect(&wire, Some(&nodes[0]));
        let mut replica = Self {
            servers: BTreeMap::new(),
            client,
            _wire: wire,
            nodes,
            sandboxes: Vec::new(),
            balancer: Balancer::of_this_kernel(),
        };
        for sandbox in SANDBOXES {
            replica.add(sandbox);
        }
        for node in &replica.nodes {
            let hosted = |s: &&Sandbox| s.side == node.side() && s.is_task_of("hosted");
            rules::host(node.host(), replica.sandboxes.iter().find(hosted));
        }
        replica.balance();
        replica
    }

    /// Adds a task while the replica runs, and has the balancers use it.
    pub fn add_task(&mut self, task: Sandbox) {
        self.add(task);
        self.balance();
    }

    /// Ends a task.
    pub fn remove_task(&mut self, name: &str) {
        let gone = self.sandbox(name).side.index();
        self.sandboxes.retain(|s| s.name != name);
        self.balance();
        self.servers.remove(name);
        self.nodes[gone].remove(name);
    }

    fn add(&mut self, sandbox: Sandbox) {
        let (here, there) = (sandbox.side.index(), sandbox.side.other().index());
        self.nodes[here].add(&sandbox);
        self.nodes[there].learn(&sandbox);
        if [INGRESS_SBOX, LB].contains(&sandbox.name) {
            self.nodes[here].prepare_load_balancer(&sandbox);
        } else {
            let inside = self.nodes[here].namespace(sandbox.name);
            rules::task(inside, &sandbox);
            if !sandbox.is_task_of("client") {
                self.servers.insert(sandbox.name, serve(inside, &sandbox));
            }
        }
        self.sandboxes.push(sandbox);
    }

    /// Writes the load balancers' rules for the tasks there are.
    fn balance(&self) {
        let tasks: Vec<&Sandbox> = self.sandboxes.iter().collect();
        for sandbox in tasks
            .iter()
            .filter(|s| [INGRESS_SBOX, LB].contains(&s.name))
        {
            let inside = self.node(sandbox.side).namespace(sandbox.name);
            rules::load_balancer(inside, sandbox, &tasks, self.balancer);
        }
    }

    /// The external client's namespace.
    pub fn client(&self) -> &Namespace {
        &self.client
    }

    /// One of the nodes.
    pub fn node(&self, side: Side) -> &Node {
        &self.nodes[side.index()]
    }

    /// What balances on this kernel.
    pub fn balancer(&self) -> Balancer {
        self.balancer
    }

    /// Who a sandbox is. Load balancers have the same name on both nodes: this
    /// gives node a's.
    #[track_caller]
    pub fn sandbox(&self, name: &str) -> &Sandbox {
        let found = self.sandboxes.iter().find(|s| s.name == name);
        found.unwrap_or_else(|| panic!("no sandbox {name} in the replica"))
    }

    /// A task's namespace.
    #[track_caller]
    pub fn task(&self, name: &str) -> &Namespace {
        self.node(self.sandbox(name).side).namespace(name)
    }

    /// Stops a task's server: its port then refuses.
    #[track_caller]
    pub fn stop_server(&mut self, task: &str) {
        let server = self.servers.remove(task);
        drop(server.unwrap_or_else(|| panic!("{task} does not serve")));
    }

    /// Every namespace with the node it is on; the client's has none.
    pub fn namespaces(&self) -> impl Iterator<Item = (Option<Side>, &Namespace)> {
        let on_nodes = self
            .nodes
            .iter()
            .flat_map(|node| node.namespaces().map(|n| (Some(node.side()), n)));
        std::iter::once((None, &self.client)).chain(on_nodes)
    }
}

fn serve(inside: &Namespace, sandbox: &Sandbox) -> Server {
    if sandbox.is_task_of(ECHO.name) {
        traffic::serve_udp(inside, ECHO.target)
    } else {
        traffic::serve_tcp(inside, 80)
    }
}
