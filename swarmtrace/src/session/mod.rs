//! One running trace, and one driver over whatever timelines come from.
//!
//! A [`Trace`] taps the node and keeps in step with it; [`judge_all`] gives each
//! timeline its verdict, with the taps that were in place while the flow lived.

pub mod coverage;
pub mod history;
pub mod joined;
pub mod judge;
pub mod snapshots;
pub mod task_state;
pub mod trace;

pub use judge::{Judged, judge_all};
pub use trace::{Step, TICK, Trace, TraceOptions, monotonic_now, wall_offset};
