//! swarmtrace: an eBPF packet-path tracer for Docker Swarm.
//!
//! Data flows one way: taps → `capture` → `timeline` → `diagnose` → `output`, with
//! read-only snapshots of the `topology` beside it, which `doctor` examines by
//! itself and whose tasks `probe` sends to; `check` judges many timelines together. A
//! module imports only from those before it; `commands` wires them together.
//! itself and whose tasks `probe` sends to. `features` asks what of that works on this
//! kernel. A module imports only from those before it; `commands` wires them together.

pub mod capture;
pub mod check;
pub mod cli;
pub mod commands;
pub mod diagnose;
pub mod doctor;
pub mod failure;
pub mod features;
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
