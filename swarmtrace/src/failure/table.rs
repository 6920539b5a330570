//! The table of failures, section by section along a packet's path.

use super::entry::Failure;
use super::former::FORMER_IDS;
use super::{balancer, ends, node, overlay, passage, underlay, unexplained};

/// Failures of one stretch of the path.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Heading in docs/failures.md.
    pub title: &'static str,
    /// The failures, in the order of docs/failures.md.
    pub failures: &'static [&'static Failure],
}

/// Every failure that swarmtrace diagnoses.
pub static TABLE: &[Section] = &[
    Section {
        title: "The node, before the load balancer",
        failures: node::ALL,
    },
    Section {
        title: "The load balancer",
        failures: balancer::ALL,
    },
    Section {
        title: "The overlay network",
        failures: overlay::ALL,
    },
    Section {
        title: "Between the nodes",
        failures: underlay::ALL,
    },
    Section {
        title: "Through any namespace",
        failures: passage::ALL,
    },
    Section {
        title: "The task and the client",
        failures: ends::ALL,
    },
    Section {
        title: "Elsewhere, or not known",
        failures: unexplained::ALL,
    },
];

/// Every failure, in the table's order.
pub fn all() -> impl Iterator<Item = &'static Failure> {
    TABLE.iter().flat_map(|s| s.failures.iter().copied())
}

/// The ids that a user may mean by `name`: that one if the table has it, and
/// those that had it as a former id. Empty for a name that never was an id.
pub fn ids_named(name: &str) -> Vec<&'static str> {
    let now = all().map(|f| f.id.as_str()).filter(|id| *id == name);
    let former = FORMER_IDS.iter().filter(|f| f.former == name);
    now.chain(former.map(|f| f.now)).collect()
}

/// The former ids of the failure with that id.
pub fn former_ids(id: &str) -> impl Iterator<Item = &'static str> + use<'_> {
    let of = FORMER_IDS.iter().filter(move |f| f.now == id);
    of.map(|f| f.former)
}
