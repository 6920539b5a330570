//! What all formats have in common: a name, a version, and one type that both
//! writes and reads them.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What every format's name begins with.
pub const PREFIX: &str = "swarmtrace-";

/// A format: what the `format` and `version` fields of a JSON object stand for.
///
/// Fields may be added under one version, and readers ignore fields that they do
/// not know. A field that goes, or changes its meaning or type, raises the
/// version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The `format` field: `swarmtrace-timeline`.
    pub name: &'static str,
    /// The commands that write it.
    pub written_by: &'static str,
    /// The commands that read it back; empty where none does.
    pub read_by: &'static str,
    /// What changed with each version, from version 1.
    pub changes: &'static [&'static str],
}

impl Format {
    /// The `version` field of what is written now: the highest that can be read.
    pub const fn version(&self) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a format has a handful of versions, and try_from is not const"
        )]
        let version = self.changes.len() as u32;
        version
    }

    /// The name without [`PREFIX`]: `timeline`.
    pub fn short_name(&self) -> &'static str {
        self.name.strip_prefix(PREFIX).unwrap_or(self.name)
    }
}

/// A JSON object of a [`Format`]. The type holds everything but the `format` and
/// `version` fields: [`write_line`] adds these, [`read`](super::read) verifies them.
pub trait Record: Serialize + DeserializeOwned + JsonSchema {
    /// The format.
    const FORMAT: Format;
}

/// The first two fields of every object.
#[derive(Debug, Deserialize)]
pub(super) struct Stamp {
    pub format: Option<String>,
    pub version: Option<u32>,
}

/// A record behind its `format` and `version`.
#[derive(Serialize)]
pub(super) struct Stamped<'a, R> {
    format: &'static str,
    version: u32,
    #[serde(flatten)]
    record: &'a R,
}

pub(super) fn stamp<R: Serialize>(format: Format, record: &R) -> Stamped<'_, R> {
    Stamped {
        format: format.name,
        version: format.version(),
        record,
    }
}

/// The record as one line of JSON, with its line break.
///
/// # Errors
/// Errors if the record cannot be represented in JSON.
pub fn write_line<R: Record>(record: &R) -> serde_json::Result<String> {
    Ok(serde_json::to_string(&stamp(R::FORMAT, record))? + "\n")
}

/// The record as indented JSON, with a line break at its end.
///
/// # Errors
/// Errors if the record cannot be represented in JSON.
pub fn write_pretty<R: Record>(record: &R) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&stamp(R::FORMAT, record))? + "\n")
}
