//! What a connection's task was doing when the connection failed.
//!
//! The task is known by the container that the flow was seen in, or by the
//! address it was sent to; Docker's events say when that container started and
//! stopped. A container that was there all along and of which no event came ran
//! all along. Where none of this is known, the state is `None`.

use crate::diagnose::TaskActivity;
use crate::sys::clock::{Mono, Wall};
use crate::timeline::{Hop, Leg, Place, State, Timeline};
use crate::topology::{Life, Lives, NamespaceKind, Topology};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// How long a container counts as starting where there is no health check.
const STARTING: i64 = 10_000_000_000;
/// Most containers and addresses that are remembered.
const MOST: usize = 8192;

/// The containers that were seen so far.
#[derive(Debug)]
pub struct TaskStates {
    lives: Lives,
    /// When each running container was first seen, Unix time in nanoseconds.
    first_seen: BTreeMap<String, i64>,
    /// The last container that had an address.
    by_address: BTreeMap<IpAddr, String>,
}

impl TaskStates {
    /// No container was seen yet; `lives` is what Docker's events say.
    pub fn new(lives: Lives) -> Self {
        Self {
            lives,
            first_seen: BTreeMap::new(),
            by_address: BTreeMap::new(),
        }
    }

    /// Records which containers run, by a snapshot taken at `now`.
    pub fn update(&mut self, topology: &Topology, now: Wall) {
        let now = i64::try_from(now.ns()).unwrap_or(i64::MAX);
        let mut running = BTreeMap::new();
        for namespace in &topology.namespaces {
            let NamespaceKind::Container { container, .. } = &namespace.kind else {
                continue;
            };
            if container.is_empty() {
                continue;
            }
            let first = self.first_seen.get(container).copied().unwrap_or(now);
            running.insert(container.clone(), first);
            for address in namespace.devices.iter().flat_map(|d| &d.addresses) {
                if !address.addr().is_loopback() {
                    self.by_address.insert(address.addr(), container.clone());
                }
            }
        }
        self.first_seen = running;
        while self.by_address.len() > MOST {
            self.by_address.pop_first();
        }
    }

    /// What the task of a flow was doing when the flow failed. `topology` is that
    /// of the flow's time.
    pub fn of(&self, timeline: &Timeline, topology: &Topology) -> Option<TaskActivity> {
        let (netns, time) = failure(timeline)?;
        let since_start = time - timeline.started_monotonic;
        let time = i64::try_from((timeline.started + since_start).ns()).ok()?;
        let inside = netns.and_then(|netns| match &topology.namespace(netns)?.kind {
            NamespaceKind::Container { container, .. } => Some(container),
            _ => None,
        });
        let address = timeline.backend.unwrap_or(timeline.entry).ip();
        let container = inside.or_else(|| self.by_address.get(&address.to_canonical()))?;
        let life = self.lives.of(container).unwrap_or_default();
        let seen = self.first_seen.get(container).copied();
        state(life, seen, time)
    }
}

/// The container that the flow ended in, if it was seen there, and when it failed.
fn failure(timeline: &Timeline) -> Option<(Option<u32>, Mono)> {
    let hop = match timeline.state {
        State::Refused { by } | State::Reset { by, .. } | State::IcmpError { by, .. } => Some(by),
        State::AnswerLost { last } => Some(last),
        State::Unanswered | State::Established | State::Closed => timeline.reached,
    };
    let hop = timeline.hops.get(hop?)?;
    // The server's container, not one that a client lives in.
    let serves = |h: &&Hop| {
        let arrives = h.leg == Leg::Forward && h.way == crate::timeline::Direction::Ingress;
        let leaves = h.leg == Leg::Reply && h.way == crate::timeline::Direction::Egress;
        h.place == Place::Container && (arrives || leaves)
    };
    let container = timeline.hops.iter().find(serves).map(|h| h.netns);
    Some((container, hop.time_ns))
}

/// What a container of that life, first seen at `seen`, was doing at `time`.
fn state(life: Life, seen: Option<i64>, time: i64) -> Option<TaskActivity> {
    if let Some(stopped) = life.stopped.filter(|stopped| *stopped <= time) {
        let ms_ago = u64::try_from((time - stopped) / 1_000_000).unwrap_or(0);
        return Some(TaskActivity::Stopped { ms_ago });
    }
    let settled = |since: i64| time.saturating_sub(since) >= STARTING;
    match (life.started, life.healthy) {
        (_, Some(healthy)) if healthy <= time => Some(TaskActivity::Running),
        (Some(_), Some(_)) => Some(TaskActivity::Starting),
        (Some(started), None) if settled(started) => Some(TaskActivity::Running),
        (Some(_), None) => Some(TaskActivity::Starting),
        (None, _) => seen
            .filter(|seen| settled(*seen))
            .map(|_| TaskActivity::Running),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn a_task_is_what_the_events_before_the_failure_made_of_it() {
        let life = |started: Option<i64>, healthy: Option<i64>, stopped: Option<i64>| Life {
            started: started.map(|s| s * S),
            healthy: healthy.map(|s| s * S),
            stopped: stopped.map(|s| s * S),
        };
        let at = |life, seconds: i64| state(life, None, seconds * S);
        let ran = life(Some(100), None, Some(200));
        assert_eq!(at(ran, 105), Some(TaskActivity::Starting));
        assert_eq!(at(ran, 150), Some(TaskActivity::Running));
        assert_eq!(at(ran, 203), Some(TaskActivity::Stopped { ms_ago: 3000 }));
        let checked = life(Some(100), Some(130), None);
        assert_eq!(at(checked, 120), Some(TaskActivity::Starting));
        assert_eq!(at(checked, 130), Some(TaskActivity::Running));
    }

    #[test]
    fn without_events_only_what_was_met_long_before_ran() {
        let seen = |seconds: i64| state(Life::default(), Some(100 * S), seconds * S);
        assert_eq!(seen(105), None);
        assert_eq!(seen(110), Some(TaskActivity::Running));
        assert_eq!(state(Life::default(), None, 110 * S), None);
    }
}
