//! What a scenario is: data, nothing else.

use swarm_vm::Node;

/// A failure, how to make it happen, and what has to be said of it.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name: lower case, with hyphens.
    pub name: &'static str,
    /// What happens, in one line.
    pub about: &'static str,
    /// What has to be there besides, with the fault or without it.
    pub setup: &'static [On],
    /// What breaks it.
    pub fault: &'static [On],
    /// What is sent, with the fault and (unless [`Scenario::healthy`] says
    /// otherwise) without it.
    pub traffic: &'static [On],
    /// What breaks it while the traffic runs.
    pub during: &'static [On],
    /// What is sent without the fault, where the traffic itself is the fault.
    pub healthy: Option<&'static [On]>,
    /// Options of `swarmtrace follow`.
    pub follow: &'static str,
    /// What swarmtrace must say; of a node that is not here, nothing.
    pub expect: &'static [Expect],
    /// What `swarmtrace doctor` must find, and nothing else.
    pub doctor: &'static [Finding],
    /// What is done to the Swarm breaks none of the traffic, and both nodes must see
    /// that: of no connection may anything be said.
    pub nothing_fails: bool,
}

/// A script on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct On(pub Node, pub &'static str);

/// A verdict that has to be given.
#[derive(Clone, Copy, Debug)]
pub struct Expect {
    /// By `follow` on this node.
    pub node: Node,
    /// Its id, or several that it may be, by what the kernel reports: `a|b`.
    pub id: &'static str,
    /// At least: `proven`, `likely` or `unknown`.
    pub certainty: &'static str,
    /// Part of the place of its hop.
    pub place: &'static str,
    /// Part of a line of its evidence.
    pub evidence: &'static str,
}

impl Expect {
    /// The ids that it may have.
    pub fn ids(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.id.split('|')
    }
}

/// Something that doctor has to find.
#[derive(Clone, Copy, Debug)]
pub struct Finding {
    /// On this node.
    pub node: Node,
    /// Name of the check.
    pub check: &'static str,
    /// Part of what it says.
    pub what: &'static str,
}

/// Nothing broken, nothing sent: what the entries of the table start from.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "",
    about: "",
    setup: &[],
    fault: &[],
    traffic: MESH,
    during: &[],
    healthy: None,
    follow: "--service vote --port 8080",
    expect: &[],
    doctor: &[],
    nothing_fails: false,
};

/// The external client asks node a twice: one answer comes from a task there,
/// one from the task on node b.
pub(super) const MESH: &[On] = &[On(
    Node::Vm,
    "for i in 1 2; do vmtool get 192.168.90.1 8080 / 3.6 & sleep 0.1; done; wait",
)];

/// The same from inside: the container `client` on node a asks `vote` by its
/// virtual address.
pub(super) const INSIDE: &[On] = &[On(
    Node::A,
    "inside() { docker exec $(container client) vmtool get vote 80 / 3.6; }
     inside & inside & wait",
)];

/// A verdict that `follow` on a node has to give.
pub(super) const fn live(
    node: Node,
    id: &'static str,
    certainty: &'static str,
    place: &'static str,
    evidence: &'static str,
) -> Expect {
    Expect {
        node,
        id,
        certainty,
        place,
        evidence,
    }
}

/// Something that doctor has to find.
pub(super) const fn found(node: Node, check: &'static str, what: &'static str) -> Finding {
    Finding { node, check, what }
}
