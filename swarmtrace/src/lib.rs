//! swarmtrace: an eBPF packet-path tracer for Docker Swarm.
//!
//! Data flows one way: taps → `capture` → `timeline` → `output`, with read-only
//! snapshots of the `topology` beside it. A module imports only from those
//! before it; `commands` wires them together.

pub mod capture;
pub mod cli;
pub mod commands;
pub mod doctor;
pub mod output;
pub mod selection;
pub mod timeline;
pub mod topology;
