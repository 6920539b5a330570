//! When each container of this node started and stopped, by Docker's events.
//!
//! A snapshot says what runs now; why a connection was refused is often that
//! its container was asked to stop a second before, or was not ready yet.
//! Docker replays its last 256 events to whoever asks, so containers that
//! started shortly before the trace are known, too.
//!
//! Relied on: Engine API events `start`, `kill` (with its signal), `stop`, `die`,
//! `destroy` and `health_status: …` of type `container`.

use crate::sys::clock::{Nanos, Wall};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long an ended container is kept.
const RETENTION: Nanos = Nanos::from_secs(15 * 60);
/// Most containers that are kept.
const MOST_CONTAINERS: usize = 4096;

/// Signals that request something else than a stop: HUP, USR1, USR2.
const NO_STOP: [&str; 3] = ["1", "10", "12"];

/// What happened to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// Its process was started.
    Started,
    /// Its health check passed.
    Healthy,
    /// It got a stop signal, or ended by itself.
    Stopped,
}

/// One of Docker's events about a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerEvent {
    /// Docker's id.
    pub container: String,
    /// When it happened, by Docker.
    pub time: Wall,
    /// What happened.
    pub what: Happening,
}

impl Happening {
    /// What an event's action means; `None` where it means neither.
    pub fn of(action: &str, signal: Option<&str>) -> Option<Self> {
        match action {
            "start" => Some(Self::Started),
            "health_status: healthy" => Some(Self::Healthy),
            "kill" if signal.is_some_and(|s| NO_STOP.contains(&s)) => None,
            "kill" | "stop" | "die" | "destroy" => Some(Self::Stopped),
            _ => None,
        }
    }
}

/// What is known of one container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// Its latest start.
    pub started: Option<Wall>,
    /// When its health check first passed since.
    pub healthy: Option<Wall>,
    /// When it first got a stop signal, or ended, since.
    pub stopped: Option<Wall>,
}

/// The lives of this node's containers; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Lives {
    known: Arc<Mutex<BTreeMap<String, Life>>>,
}

impl Lives {
    /// Takes an event. Events of one container come in their order.
    pub fn note(&self, event: &ContainerEvent) {
        let mut known = self.lock();
        if !known.contains_key(&event.container) {
            if known.len() >= MOST_CONTAINERS {
                known.pop_first();
            }
            let kept = |life: &Life| {
                let end = life.stopped.filter(|_| life.started < life.stopped);
                end.is_none_or(|end| event.time - end < RETENTION)
            };
            known.retain(|_, life| kept(life));
        }
        let life = known.entry(event.container.clone()).or_default();
        let time = event.time;
        match event.what {
            // Docker sends events again after the connection to Docker was lost.
            Happening::Started if life.started >= Some(time) => {}
            Happening::Started => {
                *life = Life {
                    started: Some(time),
                    ..Life::default()
                };
            }
            Happening::Healthy if life.started <= Some(time) => {
                life.healthy.get_or_insert(time);
            }
            Happening::Stopped if life.started <= Some(time) => {
                life.stopped.get_or_insert(time);
            }
            Happening::Healthy | Happening::Stopped => {}
        }
    }

    /// What is known of a container.
    pub fn of(&self, container: &str) -> Option<Life> {
        self.lock().get(container).copied()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Life>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ns: u64) -> Wall {
        Wall::from_ns(ns)
    }

    fn lives(events: &[(u64, Happening)]) -> Life {
        let lives = Lives::default();
        for (time, what) in events {
            lives.note(&ContainerEvent {
                container: "c1".to_owned(),
                time: at(*time),
                what: *what,
            });
        }
        lives.of("c1").unwrap_or_default()
    }

    #[test]
    fn actions_mean_what_they_mean() {
        assert_eq!(Happening::of("start", None), Some(Happening::Started));
        assert_eq!(Happening::of("kill", Some("15")), Some(Happening::Stopped));
        assert_eq!(Happening::of("kill", Some("3")), Some(Happening::Stopped));
        assert_eq!(Happening::of("kill", Some("1")), None, "a reload");
        assert_eq!(Happening::of("health_status: unhealthy", None), None);
        assert_eq!(Happening::of("exec_start: sh", None), None);
    }

    #[test]
    fn a_life_is_the_latest_one_and_its_end_the_first_word_of_it() {
        use Happening::{Healthy, Started, Stopped};
        let first = lives(&[(10, Started), (20, Healthy), (30, Stopped), (35, Stopped)]);
        let expected = Life {
            started: Some(at(10)),
            healthy: Some(at(20)),
            stopped: Some(at(30)),
        };
        assert_eq!(first, expected);
        let again = lives(&[(10, Started), (30, Stopped), (40, Started), (10, Started)]);
        assert_eq!((again.started, again.stopped), (Some(at(40)), None));
        assert_eq!(
            lives(&[(30, Stopped)]).stopped,
            Some(at(30)),
            "of an unseen start"
        );
    }

    #[test]
    fn what_ended_long_ago_is_forgotten_and_there_is_a_limit() {
        let lives = Lives::default();
        let note = |container: String, time, what| {
            lives.note(&ContainerEvent {
                container,
                time,
                what,
            });
        };
        note("old".into(), at(1), Happening::Stopped);
        note("runs".into(), at(1), Happening::Started);
        note("new".into(), at(1) + RETENTION, Happening::Started);
        assert_eq!(lives.of("old"), None);
        assert!(lives.of("runs").is_some());
        for n in 0..5000 {
            note(format!("c{n}"), at(2), Happening::Started);
        }
        assert_eq!(lives.lock().len(), MOST_CONTAINERS);
    }
}
