//! Figures asserted, and runs held against stored ones.
//!
//! Timelines go into a [`Record`]. [`parse::assertion`] reads what must hold,
//! [`judge`] says for whom it does; [`Baseline`] keeps whole histograms of earlier
//! runs, [`compare`] says what got slower since and how sure that is
//! ([`statistics`] explains the tests). A [`Report`] is the sum, with an outcome
//! that is a pass only if everything that was asked was measured and held.

pub mod assertion;
pub mod baseline;
pub mod compare;
mod hops;
mod judge;
mod measure;
pub mod parse;
mod record;
pub mod report;
pub mod statistics;
#[cfg(test)]
mod tests;
pub mod times;

pub use assertion::Assertion;
pub use baseline::{Baseline, StoredRun};
pub use compare::compare;
pub use judge::judge;
pub use record::{Connection, Group, Record};
pub use report::{Checked, Outcome, Report, Run};
