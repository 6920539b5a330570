//! Every format that swarmtrace writes or reads back: one type each, a version, and
//! a reader that is the writer's own type.
//!
//! A [`Record`] is the content of one JSON object, [`write_line`] writes it with its
//! `format` and `version`, [`read`] reads it. [`FORMATS`] is the table of all of
//! them, [`schema`] their JSON schemas. docs/json.md describes them.

mod baseline;
mod check;
mod formats;
mod node;
pub mod read;
mod record;
mod reports;
mod rst;
pub mod schema;
mod summary;
mod timeline;

pub use baseline::{Baseline, BaselineMeasure, BaselineRun};
pub use check::{
    AssertionResult, CheckReport, Comparison, Figures, Outcome, RunSummary, Slower, Unit,
};
pub use formats::{Entry, FORMATS, find};
pub use node::{NodeLine, TapSpan};
pub use record::{Format, PREFIX, Record, write_line, write_pretty};
pub use rst::{FailureKind, Finding, Group, GroupKey, KnownBy, Origin, RstSummary, Side};
pub use summary::Summary;
pub use timeline::TimelineLine;
