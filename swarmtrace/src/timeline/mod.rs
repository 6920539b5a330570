//! From packets at taps to the path of a connection.
//!
//! Events go into a [`Correlator`], which recognises one connection under all
//! the addresses it wears and gives back a [`Flow`] once there is something to
//! say about it. A flow is compact and nameless; [`Flow::timeline`] turns it,
//! with a topology, into a [`Timeline`]: the ordered hops with what happened
//! to the packet between them. Names are resolved that late because most
//! flows are never looked at and a topology changes.
//!
//! Two nodes' timelines of one connection are put together by [`join`], each
//! edge's times are gathered by [`Histograms`].

mod model;

pub use model::*;
