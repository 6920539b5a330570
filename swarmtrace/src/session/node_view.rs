//! The node that is traced: as of now, and as it was when a flow was seen.

use super::history::History;
use super::snapshots::Snapshots;
use super::task_state::TaskStates;
use crate::diagnose::TaskActivity;
use crate::sys::clock::{Mono, Wall};
use crate::timeline::Timeline;
use crate::topology::Topology;
use anyhow::Result;
use std::sync::Arc;

/// The node's topology, kept up to date, with what it recently was.
pub struct NodeView {
    snapshots: Snapshots,
    topology: Arc<Topology>,
    history: History,
    task_states: TaskStates,
}

impl NodeView {
    /// Takes the first snapshot and starts to watch the node.
    ///
    /// Errors if the node cannot be read or watched.
    pub async fn start(now: Wall) -> Result<Self> {
        let mut snapshots = Snapshots::start().await?;
        let topology = snapshots.newest();
        let mut task_states = TaskStates::new(snapshots.lives());
        task_states.update(&topology, now);
        Ok(Self {
            snapshots,
            topology,
            history: History::default(),
            task_states,
        })
    }

    /// Waits until there is a newer snapshot than the one in use. Cancel-safe.
    pub async fn changed(&mut self) {
        self.snapshots.changed().await;
    }

    /// Takes the newest snapshot; `now` and `wall_now` are the same moment.
    pub fn advance(&mut self, now: Mono, wall_now: Wall) {
        let newest = self.snapshots.newest();
        let before = std::mem::replace(&mut self.topology, newest);
        self.history.keep(before, &self.topology, now);
        self.task_states.update(&self.topology, wall_now);
    }

    /// The node as of now.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The node as it was when a flow was seen in these namespaces: a container
    /// that a connection ended in may be gone a moment later.
    pub fn topology_when(&self, namespaces: impl Iterator<Item = u32>) -> &Topology {
        self.history.when(&self.topology, &namespaces.collect())
    }

    /// What a flow's task was doing when the flow failed.
    pub fn task_state(&self, timeline: &Timeline) -> Option<TaskActivity> {
        let topology = self.topology_when(timeline.hops.iter().map(|h| h.netns));
        self.task_states.of(timeline, topology)
    }
}
