//! Finished flows that wait to be judged.

use crate::flow::Flow;
use crate::sys::clock::{Mono, Nanos};
use std::time::Duration;

/// At most this many flows wait.
const MOST: usize = 4096;

/// Flows that finished a moment ago.
#[derive(Debug)]
pub struct Settling {
    flows: Vec<Flow>,
    /// When the first of them was added.
    since: Mono,
    /// How long it waits.
    wait: Nanos,
}

impl Settling {
    /// Flows are to wait that long.
    pub fn new(wait: Duration) -> Self {
        Self {
            flows: Vec::new(),
            since: Mono::ZERO,
            wait: wait.into(),
        }
    }

    /// Adds flows that finished at `now`.
    pub fn add(&mut self, flows: impl IntoIterator<Item = Flow>, now: Mono) {
        if self.flows.is_empty() {
            self.since = now;
        }
        self.flows.extend(flows);
    }

    /// All that wait, once the first has waited long enough or there are many.
    pub fn take_due(&mut self, now: Mono) -> Vec<Flow> {
        let waited = now.since(self.since) >= self.wait;
        if waited || self.flows.len() >= MOST {
            return self.take_all();
        }
        Vec::new()
    }

    /// All that wait.
    pub fn take_all(&mut self) -> Vec<Flow> {
        std::mem::take(&mut self.flows)
    }
}
