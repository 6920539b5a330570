//! What the kernel itself says of a packet's path, without any eBPF.
//!
//! [`packet`] reads what tcpdump (`AF_PACKET`) saw in every namespace of a bed: where
//! each packet was, which way it went, and with which addresses. [`conntrack`],
//! [`ipvs`] and [`rules`] read the tables that say how addresses were rewritten.
//! [`compare`] holds a timeline that swarmtrace printed against all of it.

pub mod compare;
pub mod conntrack;
mod flow;
pub mod ipvs;
pub mod packet;
pub mod printed;
pub mod rules;
mod spot;

pub use compare::Expectation;
pub use flow::Flow;
pub use packet::{Sighting, Way};
pub use printed::Timeline;
pub use spot::Spot;
