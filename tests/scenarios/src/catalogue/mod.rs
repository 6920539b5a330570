//! The catalogue of failures, made to happen on the real two-node Swarm.
//!
//! A [`Scenario`] is data: what breaks (shell scripts on the nodes), the traffic
//! that meets it, and what swarmtrace must then say of it on which node. A new
//! one is an entry in its family's file. [`Stage`](crate::stage::Stage) plays one: the same
//! traffic without the fault first, of which swarmtrace must say nothing, then
//! with it. Scripts have the functions of `prelude.sh` at hand.

mod balancer;
mod connection;
mod host;
mod overlay;
mod routes;
mod scenario;
mod state;
mod task;

pub use scenario::{Expect, Finding, On, Scenario};

/// Every scenario.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    [
        host::ALL,
        balancer::ALL,
        overlay::ALL,
        state::ALL,
        task::ALL,
        connection::ALL,
        routes::ALL,
    ]
    .into_iter()
    .flatten()
}

/// The scenario of that name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    all().find(|s| s.name == name)
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
            let says = !s.expect.is_empty() || !s.doctor.is_empty();
            assert!(says != s.nothing_fails, "{} cannot fail", s.name);
        }
        assert!(names.len() >= 20, "{} scenarios", names.len());
    }
}
