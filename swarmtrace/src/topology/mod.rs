//! What this node is made of: namespaces, devices, IPVS tables, networks,
//! services, tasks and nodes, as one read-only snapshot.
//!
//! A [`Topology`] is plain data. The sources fill it, everything else only
//! asks it questions; it can be written to and read from JSON, so that a
//! recorded trace keeps the names it was taken with.

mod assemble;
mod classify;
mod discover;
pub mod docker;
mod excerpt;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod ipvs;
pub mod kernel;
mod links;
mod lives;
mod mac;
mod model;
mod nsid;
mod place;
mod query;
mod read;
pub mod role;
pub mod shell;
pub mod taps;
mod watch;
mod words;

pub use crate::sys::device::DeviceRef;
pub use excerpt::Excerpt;
pub use lives::{ContainerEvent, Happening, Life, Lives};
pub use mac::{Mac, MacError};
pub use model::*;
pub use place::Place;
pub use query::{Named, UnknownName};
pub use read::{DockerAnswer, ReadError, Reader};
pub use role::Role;
pub use watch::{Changes, Watch};
pub use words::{IpvsForwarding, NeighbourState, NetworkDriver, TaskState};
