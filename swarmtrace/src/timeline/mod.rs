//! From a flow and a topology to the path of a connection.
//!
//! A [`Flow`](crate::flow::Flow) is compact and nameless; with a topology it becomes
//! a [`Timeline`]: the ordered hops with what happened to the packet between them.
//! Names are resolved that late because most flows are never looked at and a
//! topology changes.
//!
//! [`join`] puts two nodes' timelines of one connection together, on clocks that
//! [`clock_estimate`] compares; [`Histograms`] gather how long each edge takes.

mod build;
pub mod clock_estimate;
mod drops;
mod edges;
mod ends;
mod flooded;
mod histogram;
mod hop;
mod hops;
pub mod join;
mod kernel_reports;
mod model;
mod names;
mod path;
mod peers;
mod rewrite;
mod state;
mod tap_names;
#[cfg(test)]
mod tests;
mod trim;

pub use crate::flow::{Leg, Phase};
pub use crate::sys::protocol::Protocol;
pub use crate::topology::Place;
pub use histogram::{Histograms, Latency, Measure};
pub use hop::*;
pub use kernel_reports::{PacketDrop, ResetSent};
pub use model::*;
pub use rewrite::Rewrite;
pub(crate) use state::same_packet;
pub use swarmtrace_common::Direction;
