//! What can fail: one table of failures, and the diagnosis of one.
//!
//! `diagnose` reaches a [`Diagnosis`] from a flow's packets, `doctor` from what
//! the kernel's tables say; both name an entry of [`TABLE`], so that the same
//! fault has the same [id](FailureId), title and fix whichever found it.
//! docs/failures.md is generated from the table.

mod balancer;
mod certainty;
mod diagnosis;
mod ends;
mod entry;
mod former;
mod id;
mod indistinct;
mod location;
mod node;
mod overlay;
mod passage;
mod proof;
mod table;
mod underlay;
mod unexplained;

#[cfg(test)]
mod tests;

pub use balancer::*;
pub use certainty::Certainty;
pub use diagnosis::Diagnosis;
pub use ends::*;
pub use entry::Failure;
pub use former::{FORMER_IDS, FormerId};
pub use id::FailureId;
pub use indistinct::{INDISTINCT, Indistinct};
pub use location::{Location, PathPosition};
pub use node::*;
pub use overlay::*;
pub use passage::*;
pub use proof::{Assurance, Proof, ReadFrom, StateRead};
pub use table::{Section, TABLE, all, former_ids, ids_named};
pub use underlay::*;
pub use unexplained::*;
