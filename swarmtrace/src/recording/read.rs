//! Reading what was written: a file of lines, as `follow --output json` prints
//! them, or a file of one object, like a baseline.
//!
//! A newer version of a format is an error that names the file, the line, the
//! version that was found and the version that can be read. Lines of other formats
//! whose name begins with `swarmtrace-` are skipped, as are fields that are not
//! known. Anything else is an error.
//!
//! A recording of events will be read here as well, for the session's driver: a
//! source of its own beside the timelines of [`contents`].

use super::node::NodeLine;
use super::record::{Format, PREFIX, Record, Stamp};
use super::summary::Summary;
use super::timeline::TimelineLine;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Longest line that is read, in bytes; a timeline of thousands of hops is shorter.
const LONGEST_LINE: u64 = 16 << 20;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A line of the file is not what it should be.
    #[error("{}, line {line}: {what}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

/// What a file of lines holds, each kind in its order.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// The connections.
    pub timelines: Vec<TimelineLine>,
    /// The nodes that were traced.
    pub nodes: Vec<NodeLine>,
    /// The figures: one for each trace, none if it was cut short.
    pub summaries: Vec<Summary>,
}

/// All of a file of lines. Empty lines are skipped.
///
/// # Errors
/// Errors if the file cannot be read, or at the first line that is not a record.
pub fn contents(path: &Path) -> Result<Contents, ReadError> {
    let file = |source| ReadError::File {
        path: path.to_owned(),
        source,
    };
    let mut reader = BufReader::new(File::open(path).map_err(file)?);
    let mut all = Contents::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = Read::by_ref(&mut reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(file)?;
        if read == 0 {
            break;
        }
        let wrong = |what: String| ReadError::Line {
            path: path.to_owned(),
            line: number,
            what,
        };
        if read as u64 == LONGEST_LINE {
            return Err(wrong("the line is too long to be a timeline".to_owned()));
        }
        let text = line.trim_ascii();
        if !text.is_empty() {
            all.add(text, line.ends_with(b"\n")).map_err(wrong)?;
        }
    }
    Ok(all)
}

impl Contents {
    fn add(&mut self, text: &[u8], whole: bool) -> Result<(), String> {
        let stamp: Stamp = serde_json::from_slice(text).map_err(|error| {
            if error.is_eof() && !whole {
                "the file ends in the middle of a line".to_owned()
            } else {
                format!("not a line of JSON ({error})")
            }
        })?;
        let format = stamp.format.as_deref();
        if format == Some(TimelineLine::FORMAT.name) {
            self.timelines.push(record(&stamp, text)?);
        } else if format == Some(NodeLine::FORMAT.name) {
            self.nodes.push(record(&stamp, text)?);
        } else if format == Some(Summary::FORMAT.name) {
            self.summaries.push(record(&stamp, text)?);
        } else if !format.is_some_and(|name| name.starts_with(PREFIX)) {
            return Err(format!(
                "JSON, but not written by swarmtrace (its \"format\" does not begin with \
                 {PREFIX:?})"
            ));
        }
        Ok(())
    }
}

/// The object that a file consists of.
///
/// # Errors
/// Errors if the file cannot be read, or is not one object of that format.
pub fn object<R: Record>(path: &Path) -> Result<R, ReadError> {
    let bytes = std::fs::read(path).map_err(|source| ReadError::File {
        path: path.to_owned(),
        source,
    })?;
    from_slice(&bytes).map_err(|what| ReadError::Line {
        path: path.to_owned(),
        line: 1,
        what,
    })
}

/// One object of a format from its JSON.
///
/// # Errors
/// Errors if the text is something else, of a newer version, or incomplete; the
/// error says which.
pub fn from_slice<R: Record>(text: &[u8]) -> Result<R, String> {
    let name = R::FORMAT.name;
    let stamp: Stamp =
        serde_json::from_slice(text).map_err(|error| format!("not a {name} ({error})"))?;
    if stamp.format.as_deref() != Some(name) {
        return Err(format!("not a {name} (its \"format\" is another)"));
    }
    record(&stamp, text)
}

fn record<R: Record>(stamp: &Stamp, text: &[u8]) -> Result<R, String> {
    let format = R::FORMAT;
    verify(format, stamp.version)?;
    serde_json::from_slice(text).map_err(|error| format!("not a whole {} ({error})", format.name))
}

fn verify(format: Format, found: Option<u32>) -> Result<(), String> {
    let (name, known) = (format.name, format.version());
    match found {
        Some(version) if (1..=known).contains(&version) => Ok(()),
        Some(version) => Err(format!(
            "{name} version {version}; this swarmtrace reads up to version {known}"
        )),
        None => Err(format!("{name} without a version")),
    }
}
