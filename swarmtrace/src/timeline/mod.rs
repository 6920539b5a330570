//! From packets at taps to the path of a connection.
//!
//! Events go into a [`Correlator`], which recognises one connection under all
//! the addresses it wears and gives back a [`Flow`] once there is something to
//! say about it. A flow is compact and nameless; with a topology it becomes a
//! [`Timeline`]: the ordered hops with what happened to the packet between
//! them. Names are resolved that late because most flows are never looked at
//! and a topology changes.
//!
//! [`join`] puts two nodes' timelines of one connection together, on clocks that
//! [`clock`] compares; [`Histograms`] gather how long each edge takes.

mod belong;
mod build;
pub mod clock;
mod copies;
mod correlate;
mod edges;
mod fate;
mod flow;
mod histogram;
mod index;
mod intern;
pub mod join;
mod labels;
mod live;
mod model;
mod names;
mod options;
pub mod read;
mod state;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod synthetic;
#[cfg(test)]
mod tests;
mod trim;
mod tuples;

pub use correlate::{Correlator, Lost, Statistics};
pub use fate::{Drop, ResetSent};
pub use flow::{Flow, FlowDrop, FlowPacket, FlowReset, Sighting};
pub use histogram::{Histograms, Latency, Measure};
pub use model::*;
pub use options::Options;
pub(crate) use state::same_packet;
