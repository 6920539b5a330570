//! Stored runs, to compare later ones with.
//!
//! A baseline is a JSON file with one or more runs, each with the whole
//! histograms of every measure of every service and backend: more runs say how
//! much runs differ by themselves. It is written beside its place and moved there,
//! so nobody ever reads half of one.

use super::hops::Samples;
use super::record::{Connection, Group, Record};
use super::times::Times;
use crate::sys::atomic_file::AtomicFile;
use crate::timeline::Measure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The `format` of a baseline.
pub const FORMAT: &str = "swarmtrace-baseline";
/// The `version` of a baseline.
pub const VERSION: u32 = 1;
/// Most runs that are kept: the latest.
pub const MOST_RUNS: usize = 20;

/// A file of runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// [`FORMAT`]
    pub format: String,
    /// [`VERSION`]
    pub version: u32,
    /// The runs, oldest first.
    pub runs: Vec<StoredRun>,
}

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredRun {
    /// Seconds since the Unix epoch.
    pub taken: u64,
    /// Version of swarmtrace.
    pub swarmtrace: String,
    /// Release of the kernel; empty for a recording.
    pub kernel: String,
    /// Architecture of the machine; empty for a recording.
    pub machine: String,
    /// How it was called, without a traced command's own arguments.
    pub command_line: String,
    /// Names of the nodes that were traced.
    pub nodes: Vec<String>,
    /// Connections seen.
    pub connections: u64,
    /// Every measure.
    pub measures: Vec<StoredMeasure>,
}

/// One measure of one backend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredMeasure {
    /// The service.
    pub service: String,
    /// The backend.
    pub backend: String,
    /// What was measured.
    #[serde(flatten)]
    pub measure: Measure,
    /// Histograms in HdrHistogram's V2 encoding and Base64, a stretch of the run
    /// each.
    pub histograms: Vec<String>,
}

/// What is measured of whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The service.
    pub service: String,
    /// The backend.
    pub backend: String,
    /// Handshake and first byte before edges.
    order: u8,
    /// What, in an order.
    leg: Option<crate::timeline::Leg>,
    from: String,
    to: String,
    far: bool,
}

impl Key {
    fn new(service: &str, backend: &str, measure: &Measure) -> Self {
        let mut key = Self {
            service: service.to_owned(),
            backend: backend.to_owned(),
            order: 0,
            leg: None,
            from: String::new(),
            to: String::new(),
            far: false,
        };
        match measure {
            Measure::Handshake => {}
            Measure::FirstByte => key.order = 1,
            Measure::Edge {
                leg,
                from,
                to,
                between_nodes,
            } => {
                key.order = 2;
                key.leg = Some(*leg);
                key.from.clone_from(from);
                key.to.clone_from(to);
                key.far = *between_nodes;
            }
        }
        key
    }

    /// What is measured.
    pub fn measure(&self) -> Measure {
        match (self.order, self.leg) {
            (0, _) => Measure::Handshake,
            (2, Some(leg)) => Measure::Edge {
                leg,
                from: self.from.clone(),
                to: self.to.clone(),
                between_nodes: self.far,
            },
            _ => Measure::FirstByte,
        }
    }

    /// The same backend's handshake.
    pub fn handshake(&self) -> Self {
        Self::new(&self.service, &self.backend, &Measure::Handshake)
    }
}

/// Times by what they are of.
pub type Measures = BTreeMap<Key, Times>;

/// Every time of every backend that connections got to.
pub fn measures(record: &Record) -> Measures {
    let mut samples: BTreeMap<Key, Samples> = BTreeMap::new();
    // Names are compared once for each pair of places, not for each packet.
    let mut keys: BTreeMap<(usize, u8, u32, u32, bool), Key> = BTreeMap::new();
    for connection in &record.connections {
        let Some(Group {
            service,
            backend: Some(backend),
        }) = record.groups.get(connection.group)
        else {
            continue;
        };
        let mut note = |measure: Measure, ns: u64| {
            let key = Key::new(service, backend, &measure);
            samples
                .entry(key)
                .or_default()
                .push((connection.started, ns));
        };
        if let Some(ns) = connection.handshake {
            note(Measure::Handshake, ns);
        }
        if let Some(ns) = connection.first_byte {
            note(Measure::FirstByte, ns);
        }
        for (leg, from, to, far, ns) in edges(connection) {
            let index = (connection.group, leg as u8, from, to, far);
            let key = keys.entry(index).or_insert_with(|| {
                let label = |place: u32| record.places.get(place as usize).map(|p| p.label());
                let measure = Measure::Edge {
                    leg,
                    from: label(from).unwrap_or_default(),
                    to: label(to).unwrap_or_default(),
                    between_nodes: far,
                };
                Key::new(service, backend, &measure)
            });
            let sample = (connection.started, ns);
            match samples.get_mut(key) {
                Some(known) => known.push(sample),
                None => drop(samples.insert(key.clone(), vec![sample])),
            }
        }
    }
    samples
        .into_iter()
        .map(|(key, all)| (key, Times::new(all)))
        .collect()
}

fn edges(
    connection: &Connection,
) -> impl Iterator<Item = (crate::timeline::Leg, u32, u32, bool, u64)> {
    connection.packets.iter().flat_map(|packet| {
        packet.steps.windows(2).filter_map(|pair| match pair {
            [from, to] => Some((packet.leg, from.place, to.place, to.far, to.took?)),
            _ => None,
        })
    })
}

impl StoredRun {
    /// Puts measures into a run.
    pub fn with(mut self, measures: &Measures) -> Self {
        self.measures = (measures.iter())
            .filter_map(|(key, times)| {
                Some(StoredMeasure {
                    service: key.service.clone(),
                    backend: key.backend.clone(),
                    measure: key.measure(),
                    histograms: times.encode()?,
                })
            })
            .collect();
        self
    }

    /// The measures of a run; `None` if a histogram is broken.
    pub fn measures(&self) -> Option<Measures> {
        (self.measures.iter())
            .map(|m| {
                let key = Key::new(&m.service, &m.backend, &m.measure);
                Some((key, Times::decode(&m.histograms)?))
            })
            .collect()
    }
}

/// Why a baseline could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// It is something else.
    #[error("{}: {what}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl Baseline {
    /// Reads one.
    ///
    /// # Errors
    /// The file cannot be read, or is no baseline of this version.
    pub fn read(path: &Path) -> Result<Self, BaselineError> {
        let wrong = |what: String| BaselineError::Content {
            path: path.to_owned(),
            what,
        };
        let bytes = std::fs::read(path).map_err(|source| BaselineError::File {
            path: path.to_owned(),
            source,
        })?;
        let baseline: Self = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("not a baseline ({error})")))?;
        match (baseline.format.as_str(), baseline.version) {
            (FORMAT, VERSION) => {}
            (FORMAT, version) => {
                return Err(wrong(format!(
                    "a baseline of version {version}; this program reads version {VERSION}"
                )));
            }
            _ => return Err(wrong(format!("not a baseline (no {FORMAT:?})"))),
        }
        if baseline.runs.is_empty() {
            return Err(wrong("a baseline without a run".to_owned()));
        }
        if baseline.runs.iter().any(|run| run.measures().is_none()) {
            return Err(wrong("a baseline with a broken histogram".to_owned()));
        }
        Ok(baseline)
    }

    /// The same, or `None` where there is no such file yet.
    ///
    /// # Errors
    /// There is a file, and it is no baseline.
    pub fn read_if_there(path: &Path) -> Result<Option<Self>, BaselineError> {
        match Self::read(path) {
            Err(BaselineError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// A baseline that begins with those runs.
    pub fn of(mut runs: Vec<StoredRun>) -> Self {
        runs.drain(..runs.len().saturating_sub(MOST_RUNS));
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            runs,
        }
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub fn write(&self, path: &Path) -> Result<(), BaselineError> {
        let failed = |source| BaselineError::File {
            path: path.to_owned(),
            source,
        };
        let mut text = serde_json::to_vec(self).map_err(|e| failed(e.into()))?;
        text.push(b'\n');
        let file = AtomicFile::create(path).map_err(failed)?;
        file.commit(&text).map_err(failed)
    }
}
