//! One running trace, and one driver over wherever timelines come from.
//!
//! A [`Trace`] taps the node and keeps in step with it. A [`Driver`] turns what a
//! source yields into one stream of [`Judged`] timelines, applies the selection, and
//! knows when to end. Commands read that stream and differ only in what they select
//! from it and how they print it.

mod coverage;
mod driver;
mod ends;
mod figures;
mod filter;
mod history;
mod joined;
mod judge;
mod live;
mod node_view;
mod options;
mod problems;
mod recorded;
mod settle;
mod snapshots;
mod taps;
mod task_state;
mod trace;

pub use driver::{Driver, Item};
pub use figures::TraceFigures;
pub use judge::Judged;
pub use options::{DriverOptions, TraceLimits, TraceOptions};
pub use recorded::{JoinCounts, Recorded};
pub use trace::{TICK, Trace, is_of_swarm};
