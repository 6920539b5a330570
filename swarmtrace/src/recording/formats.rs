//! The table of formats.

use super::baseline::Baseline;
use super::check::CheckReport;
use super::node::NodeLine;
use super::read::from_slice;
use super::record::{Format, Record, write_line};
use super::rst::{Finding, RstSummary};
use super::schema;
use super::summary::Summary;
use super::timeline::TimelineLine;
use crate::doctor::Examination;
use crate::features;
use crate::probe;
use crate::topology::Topology;
use serde_json::Value;

/// A format and what can be done with its type.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Name, version, who writes and reads it.
    pub format: Format,
    /// The JSON schema of its current version.
    pub schema: fn() -> Value,
    /// Reads one object and writes it again as a line.
    pub rewrite: fn(&[u8]) -> Result<String, String>,
}

const fn entry<R: Record>() -> Entry {
    Entry {
        format: R::FORMAT,
        schema: schema::of::<R>,
        rewrite: rewrite::<R>,
    }
}

fn rewrite<R: Record>(text: &[u8]) -> Result<String, String> {
    let record: R = from_slice(text)?;
    write_line(&record).map_err(|error| error.to_string())
}

/// The entry of a format by its name, with or without `swarmtrace-`.
pub fn find(name: &str) -> Option<Entry> {
    let mut all = FORMATS.into_iter();
    all.find(|e| e.format.name == name || e.format.short_name() == name)
}

/// Every format that is written or read back.
pub const FORMATS: [Entry; 11] = [
    entry::<TimelineLine>(),
    entry::<NodeLine>(),
    entry::<Summary>(),
    entry::<Finding>(),
    entry::<RstSummary>(),
    entry::<CheckReport>(),
    entry::<Baseline>(),
    entry::<Topology>(),
    entry::<probe::Report>(),
    entry::<Examination>(),
    entry::<features::Report>(),
];
