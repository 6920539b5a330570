//! `swarmtrace doctor`: does the kernel have what Docker says it should?
//!
//! Most failures of a Swarm's network show without traffic: a rule that is gone,
//! a load balancer without a destination, a forwarding entry that points to the
//! wrong node. Each check compares one such thing and is a pure function of
//! [`Examined`]; [`checks::ALL`] lists them with the failures that they find.
//!
//! Checks do not search rules by their text: they walk a packet through them
//! ([`crate::firewall`]), so that it does not matter which version of Docker wrote
//! them, and what another program's rules do to the packet counts as well.
//!
//! A Swarm changes all the time. A difference is read a second time a few
//! seconds later, and only one that is still there is reported.

mod check;
pub mod checks;
mod examination;
mod examine;
mod examined;
pub mod facts;
mod finding;
#[cfg(test)]
mod fixtures;
mod need;
pub mod swarm;

pub use check::Check;
pub use examination::{Examination, NotChecked};
pub use examine::examine;
pub use examined::Examined;
pub use facts::Facts;
pub use finding::{Finding, Severity};
pub use need::Need;
