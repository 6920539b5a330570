//! swarmtrace: an eBPF packet-path tracer for Docker Swarm.
//!
//! Data flows one way: `capture` reads events from the taps, `flow` matches them to
//! flows, `timeline` joins a flow with the `topology`, `diagnose` judges it, `session`
//! drives all of that, and `output` prints it. `doctor` judges the topology itself.
//! Each module is a room; docs/architecture.md lists what each may import.

// Of the numbers of packets, kernel tables and clocks none may be cut short unseen.
#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss
    )
)]

pub mod capture;
pub mod check;
pub mod cli;
pub mod commands;
pub mod diagnose;
pub mod doctor;
pub mod failure;
pub mod features;
pub mod firewall;
pub mod flow;
pub mod output;
pub mod probe;
pub mod recording;
pub mod selection;
pub mod session;
pub mod sys;
pub mod timeline;
pub mod topology;

/// Synthetic flows for the unit tests. They cannot use the crate: it depends on this
/// one as others see it, and its types would be other types.
#[cfg(test)]
#[path = "../../tests/synthetic/src/lib.rs"]
pub mod synthetic;
#[cfg(test)]
extern crate self as swarmtrace;
