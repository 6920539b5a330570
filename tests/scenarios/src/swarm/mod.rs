//! The real Swarm as a bed: two Docker nodes in a VM, with the services that
//! `xtask` made (`vote`, `client`, `echo-udp`, `hosted`, `direct`), listened to
//! and traced.
//!
//! The VM is emulated where KVM does not do, and then everything in it takes
//! tens of times longer: limits here are generous, what is demanded is not. Only
//! one VM runs at a time, whatever runs the tests: a lock file sees to it. Each
//! [`Swarm`] is restored from the saved state, so no test sees another's traces.

mod follow;
mod listener;
mod nodes;
mod outcome;
mod tables;

pub use follow::{Followed, Following};
pub use listener::Listener;
pub use nodes::{GUEST_BINARY, LIMIT, NODES, Swarm};
pub use outcome::{Outcome, watch};
pub use tables::{Table, tables};
