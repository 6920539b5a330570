//! Timelines from a file of JSON lines.
//!
//! A file is what `follow --output json` printed: one timeline a line, what the
//! node was, the figures of the trace at its end, and perhaps lines of other
//! formats of swarmtrace's own, which are skipped. Whatever else stands in it is an
//! error that names the file and the line.

use super::model::{FORMAT, NODE_FORMAT, SUMMARY_FORMAT, Timeline, VERSION};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Longest line that is read; a timeline of thousands of hops is shorter.
const LONGEST_LINE: u64 = 16 << 20;

/// What every `format` of swarmtrace's begins with.
const OWN_FORMATS: &str = "swarmtrace-";

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A line is not a timeline.
    #[error("{}, line {line}: {what}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

#[derive(Deserialize)]
struct Stamp {
    format: Option<String>,
    version: Option<u32>,
}

/// The figures of a trace, which say whether its timelines are all there is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Summary {
    /// Name of the node.
    #[serde(default)]
    pub node: String,
    /// Connections under way when it ended, which have no timeline.
    #[serde(default)]
    pub unfinished: u64,
    /// Events reported.
    #[serde(default)]
    pub events: u64,
    /// Events lost.
    pub lost: u64,
    /// What could not be seen.
    #[serde(default)]
    pub gaps: Vec<String>,
    /// The line it was read from.
    #[serde(skip)]
    pub line: String,
}

/// What a file holds, each in its order.
#[derive(Clone, Debug)]
pub struct Contents<B, N> {
    /// Timelines, with what stands beside them.
    pub timelines: Vec<(Timeline, B)>,
    /// Nodes that were traced.
    pub nodes: Vec<N>,
    /// The figures: one a trace, none if it was cut short.
    pub summaries: Vec<Summary>,
}

enum Line<B, N> {
    Timeline(Box<(Timeline, B)>),
    Node(N),
    Summary(Summary),
    Other,
}

/// The timelines of a file, in its order. Empty lines are skipped.
pub fn timelines(path: &Path) -> Result<Vec<Timeline>, ReadError> {
    let contents: Contents<IgnoredAny, IgnoredAny> = contents(path)?;
    Ok(contents.timelines.into_iter().map(|(t, _)| t).collect())
}

/// All of a file.
pub fn contents<B, N>(path: &Path) -> Result<Contents<B, N>, ReadError>
where
    B: DeserializeOwned,
    N: DeserializeOwned,
{
    let file = |source| ReadError::File {
        path: path.to_owned(),
        source,
    };
    let mut reader = BufReader::new(File::open(path).map_err(file)?);
    let mut all = Contents {
        timelines: Vec::new(),
        nodes: Vec::new(),
        summaries: Vec::new(),
    };
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
            return Err(wrong("is too long to be a timeline".to_owned()));
        }
        let text = line.trim_ascii();
        if !text.is_empty() {
            match parse(text, line.ends_with(b"\n")).map_err(wrong)? {
                Line::Timeline(told) => all.timelines.push(*told),
                Line::Node(node) => all.nodes.push(node),
                Line::Summary(summary) => all.summaries.push(summary),
                Line::Other => {}
            }
        }
    }
    Ok(all)
}

/// What a line holds.
fn parse<B, N>(text: &[u8], whole: bool) -> Result<Line<B, N>, String>
where
    B: DeserializeOwned,
    N: DeserializeOwned,
{
    let stamp: Stamp = serde_json::from_slice(text).map_err(|error| {
        if error.is_eof() && !whole {
            "the file ends in the middle of a timeline".to_owned()
        } else {
            format!("not a timeline in JSON ({error})")
        }
    })?;
    match (stamp.format.as_deref(), stamp.version) {
        (Some(FORMAT), Some(VERSION)) => {}
        (Some(FORMAT), Some(version)) => {
            return Err(format!(
                "a timeline of version {version}; this program reads version {VERSION}"
            ));
        }
        (Some(NODE_FORMAT), Some(VERSION)) => {
            let node = serde_json::from_slice(text).map(Line::Node);
            return node.map_err(|error| format!("not a whole node ({error})"));
        }
        (Some(SUMMARY_FORMAT), _) => {
            let mut summary: Summary = serde_json::from_slice(text)
                .map_err(|error| format!("not a trace's figures ({error})"))?;
            summary.line = String::from_utf8_lossy(text).into_owned();
            return Ok(Line::Summary(summary));
        }
        (Some(other), _) if other.starts_with(OWN_FORMATS) => return Ok(Line::Other),
        _ => {
            return Err(format!(
                "JSON, but no timeline (its format is not {FORMAT:?})"
            ));
        }
    }
    let wrong = |error: serde_json::Error| format!("not a whole timeline ({error})");
    let timeline = serde_json::from_slice(text).map_err(wrong)?;
    let beside = serde_json::from_slice(text).map_err(wrong)?;
    Ok(Line::Timeline(Box::new((timeline, beside))))
}
