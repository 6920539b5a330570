//! From packets at taps to connections.
//!
//! Events go into a [`Correlator`], which recognises one connection under all the
//! addresses it has and returns a [`Flow`] once it is answered, reset, errored or
//! timed out. A flow is compact and knows no names: it is all numbers, as the kernel
//! gave them. With a topology it becomes a [`Timeline`](crate::timeline::Timeline).

mod correlator;
mod index;
mod intern;
mod leg;
mod matching;
mod model;
mod open_flow;
mod options;
mod phase;
mod store;
mod tuples;

pub use correlator::{Correlator, Lost, Statistics};
pub use leg::{Leg, Way};
pub use model::{Flow, FlowDrop, FlowPacket, FlowReset, Sighting};
pub use options::Options;
pub use phase::Phase;
