//! What a verdict is reached from: one flow's timeline and what surrounds it.
//!
//! A [`Case`] only borrows. Everything in it is plain data that can be read
//! from a recording, so that a rule gives the same verdict live and on a file.
//! The drops and resets are those that were matched to this flow; rules work out
//! their leg and their place on the path.

use crate::timeline::{Direction, Timeline};
pub use crate::timeline::{PacketDrop, ResetSent};
use crate::topology::{DeviceRef, Topology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One flow, everything known about it, and about the machine around it.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The path that was seen.
    pub timeline: &'a Timeline,
    /// Packets of this flow that the kernel freed as dropped.
    pub drops: &'a [PacketDrop],
    /// Resets that a kernel reports to have sent for this flow.
    pub resets: &'a [ResetSent],
    /// The taps that were attached, and the events that were lost.
    pub coverage: &'a Coverage,
    /// This node.
    pub topology: &'a Topology,
    /// Other nodes' snapshots, where recordings were joined; empty live.
    pub others: &'a [Topology],
    /// What the backend's task was doing when it happened, where it is known.
    pub task_state: Option<TaskActivity>,
}

/// The taps and the loss while the flow lived, by node. A node that is missing
/// was not watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// By name of the node.
    pub nodes: BTreeMap<String, NodeCoverage>,
}

/// What was watched on one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeCoverage {
    /// The taps that were attached during the flow's whole life.
    pub taps: BTreeSet<Tap>,
    /// Events that the kernel could not deliver in that time.
    pub lost: u64,
}

/// Where a tap is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tap {
    /// The device.
    pub at: DeviceRef,
    /// Direction.
    pub way: Direction,
}

impl Coverage {
    /// Coverage of one node.
    pub fn of(node: impl Into<String>, taps: impl IntoIterator<Item = Tap>, lost: u64) -> Self {
        let taps = taps.into_iter().collect();
        let nodes = BTreeMap::from([(node.into(), NodeCoverage { taps, lost })]);
        Self { nodes }
    }

    /// Whether that tap was attached.
    pub fn tapped(&self, node: &str, tap: Tap) -> bool {
        self.nodes.get(node).is_some_and(|n| n.taps.contains(&tap))
    }

    /// Events lost on all nodes together.
    pub fn lost(&self) -> u64 {
        self.nodes
            .values()
            .fold(0, |sum, node| sum.saturating_add(node.lost))
    }
}

/// What a task was doing at the moment of the failure, by Docker's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
#[schemars(rename = "TaskState")]
pub enum TaskActivity {
    /// It ran, and had for a while.
    Running,
    /// Its container had been started, its health check had not passed yet (or
    /// it was started a moment before).
    Starting,
    /// Its container had been sent its stop signal, or was gone.
    Stopped {
        /// For how long.
        ms_ago: u64,
    },
}

impl TaskActivity {
    /// `stopped 3.2 s before`
    pub fn describe(self) -> String {
        match self {
            Self::Running => "running".to_owned(),
            Self::Starting => "starting".to_owned(),
            Self::Stopped { ms_ago } => {
                format!("stopped {}.{} s before", ms_ago / 1000, ms_ago % 1000 / 100)
            }
        }
    }
}
