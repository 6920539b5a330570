//! The catalogue of failures, made to happen on the real two-node Swarm.
//!
//! A [`Scenario`] is data: what breaks (shell scripts on the nodes), the traffic
//! that meets it, and what swarmtrace must then say of it on which node. A new
//! one is an entry in its family's file. [`run`](run::run) plays one: the same
//! traffic without the fault first, of which swarmtrace must say nothing, then
//! with it. Scripts have the functions of `prelude.sh` at hand.

mod balancer;
mod connection;
mod host;
mod judge;
mod overlay;
pub mod run;
mod task;
mod told;

use xtask::vm::Node;

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
pub const SCENARIO: Scenario = Scenario {
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
};

/// The external client asks node a twice: one answer comes from a task there,
/// one from the task on node b.
pub const MESH: &[On] = &[On(
    Node::Vm,
    "for i in 1 2; do vmtool get 192.168.90.1 8080 / 3.6 & sleep 0.1; done; wait",
)];

/// The same from inside: the container `client` on node a asks `vote` by its
/// virtual address.
pub const INSIDE: &[On] = &[On(
    Node::A,
    "inside() { docker exec $(container client) vmtool get vote 80 / 3.6; }
     inside & inside & wait",
)];

/// Every scenario.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    [
        host::ALL,
        balancer::ALL,
        overlay::ALL,
        task::ALL,
        connection::ALL,
    ]
    .into_iter()
    .flatten()
}

/// The scenario of that name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    all().find(|s| s.name == name)
}

/// A verdict that `follow` on a node has to give.
const fn live(
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
const fn found(node: Node, check: &'static str, what: &'static str) -> Finding {
    Finding { node, check, what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_entries_whole() {
        let mut names = HashSet::new();
        for s in all() {
            assert!(names.insert(s.name), "{} twice", s.name);
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(s.name.chars().all(plain), "{:?}", s.name);
            assert!(!s.about.is_empty(), "{} says not what it is", s.name);
            let broken = !s.fault.is_empty() || !s.during.is_empty() || s.healthy.is_some();
            assert!(broken, "{} breaks nothing", s.name);
            assert!(
                !s.expect.is_empty() || !s.doctor.is_empty(),
                "{} cannot fail",
                s.name
            );
        }
        assert!(names.len() >= 20, "{} scenarios", names.len());
    }

    /// The user's catalogue names the scenarios of each failure, and only those.
    #[test]
    fn failures_page_names_every_scenario() {
        const PAGE: &str = include_str!("../../../docs/failures.md");
        let mut page = Vec::new();
        let mut rule = "";
        for line in PAGE.lines() {
            rule = line.strip_prefix("## ").unwrap_or(rule);
            for part in line.split("`cargo xtask scenario ").skip(1) {
                let name = part.split('`').next().unwrap_or_default();
                page.push((rule, name));
            }
        }
        let mut table = Vec::new();
        for s in all() {
            for e in s.expect {
                let said = (e.ids().next().unwrap_or_default(), s.name);
                if !table.contains(&said) {
                    table.push(said);
                }
            }
        }
        page.sort_unstable();
        table.sort_unstable();
        let mut rows = String::new();
        for chunk in table.chunk_by(|a, b| a.0 == b.0) {
            let names: Vec<&str> = chunk.iter().map(|(_, name)| *name).collect();
            rows += &format!("    ({:?}, &{names:?}),\n", chunk[0].0);
        }
        assert!(
            page == table,
            "swarmtrace/src/diagnose/scenarios.rs has to say:\n{rows}"
        );
    }
}
