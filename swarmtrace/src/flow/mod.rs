//! From packets at taps to connections.
//!
//! Events go into a [`Correlator`], which recognises one connection under all the
//! addresses it has and returns a [`Flow`] once it is answered, reset, errored or
//! timed out. A flow is compact and knows no names: it is all numbers, as the kernel
//! gave them. With a topology it becomes a [`Timeline`](crate::timeline::Timeline).

mod conntrack;
mod correlator;
mod fates;
mod fingerprint;
mod index;
mod intern;
mod leg;
mod marks;
mod matching;
mod model;
mod open_flow;
mod options;
mod packet;
mod phase;
mod statistics;
mod store;
mod to_flow;
mod tuples;

pub use conntrack::{Side, side_of};
pub use correlator::Correlator;
pub use leg::Leg;
pub use model::{Flow, FlowDrop, FlowPacket, FlowReset, Sighting};
pub use options::Options;
pub use phase::Phase;
pub use statistics::{Lost, Statistics};
