//! What a connection's task was doing when the connection failed.
//!
//! The task is known by the container that the flow was seen in, or by the
//! address it was sent to; Docker's events say when that container started and
//! stopped. A container that was there all along and of which no event came ran
//! all along. Where none of this is known, the state is `None`.

use crate::diagnose::TaskActivity;
use crate::sys::clock::{Mono, Nanos, Wall};
use crate::timeline::{Hop, Leg, Place, State, Timeline};
use crate::topology::{Life, Lives, NamespaceKind, Topology};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// How long a container counts as starting where there is no health check.
const STARTING: Nanos = Nanos::from_secs(10);
/// Most containers and addresses that are remembered.
const MOST: usize = 8192;

/// The containers that were seen so far.
#[derive(Debug)]
pub struct TaskStates {
    lives: Lives,
    /// When each running container was first seen.
    first_seen: BTreeMap<String, Wall>,
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
        let time = timeline.started + (time - timeline.started_monotonic);
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
fn state(life: Life, seen: Option<Wall>, time: Wall) -> Option<TaskActivity> {
    if let Some(stopped) = life.stopped.filter(|stopped| *stopped <= time) {
        let ms_ago = time.since(stopped).unsigned() / 1_000_000;
        return Some(TaskActivity::Stopped { ms_ago });
    }
    let settled = |since: Wall| time - since >= STARTING;
    match (life.started, life.healthy) {
        (_, Some(healthy)) if healthy <= time => Some(TaskActivity::Running),
        (Some(started), None) if settled(started) => Some(TaskActivity::Running),
        (Some(_), _) => Some(TaskActivity::Starting),
        (None, _) => seen
            .filter(|seen| settled(*seen))
            .map(|_| TaskActivity::Running),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Wall {
        Wall::ZERO + Nanos::from_secs(seconds)
    }

    #[test]
    fn a_task_is_what_the_events_before_the_failure_made_of_it() {
        let life = |started: Option<i64>, healthy: Option<i64>, stopped: Option<i64>| Life {
            started: started.map(at),
            healthy: healthy.map(at),
            stopped: stopped.map(at),
        };
        let when = |life, seconds: i64| state(life, None, at(seconds));
        let ran = life(Some(100), None, Some(200));
        assert_eq!(when(ran, 105), Some(TaskActivity::Starting));
        assert_eq!(when(ran, 150), Some(TaskActivity::Running));
        assert_eq!(when(ran, 203), Some(TaskActivity::Stopped { ms_ago: 3000 }));
        let checked = life(Some(100), Some(130), None);
        assert_eq!(when(checked, 120), Some(TaskActivity::Starting));
        assert_eq!(when(checked, 130), Some(TaskActivity::Running));
    }

    #[test]
    fn without_events_only_what_was_met_long_before_ran() {
        let seen = |seconds: i64| state(Life::default(), Some(at(100)), at(seconds));
        assert_eq!(seen(105), None);
        assert_eq!(seen(110), Some(TaskActivity::Running));
        assert_eq!(state(Life::default(), None, at(110)), None);
    }
}
