//! Assertions about connections, and comparisons with earlier runs.
//!
//! Timelines go into [`Observations`]. [`parse::assertion`] reads what must hold,
//! and [`evaluate`](evaluate()) says for which connections it does; [`baseline`] keeps whole
//! histograms of earlier runs, [`compare`](compare()) says what got slower since and how sure
//! that is ([`statistics`] explains the tests). A [`report`](report()) is the sum:
//! its outcome is a pass only if everything selected was measured and held.

pub mod assertion;
pub mod baseline;
pub mod compare;
mod conclude;
mod evaluate;
mod figures;
mod hops;
pub mod measures;
mod observations;
pub mod parse;
mod report;
mod slower;
pub mod statistics;
#[cfg(test)]
mod tests;
pub mod times;

pub use assertion::Assertion;
pub use compare::{Rules, compare};
pub use conclude::{Request, Save, conclude};
pub use evaluate::evaluate;
pub use measures::{measures, with_measures};
pub use observations::{Connection, Observations, Target};
pub use report::report;
pub use slower::slower;
