//! The recordings of one or several nodes as a source of judged timelines.

use super::figures::TraceFigures;
use super::joined::{Part, judge_joined};
use super::judge::Judged;
use crate::recording::{NodeLine, Summary, TimelineLine, read};
use crate::timeline::{JoinKey, Timeline, join};
use anyhow::Result;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// What `follow --output json` printed on each node, read and joined.
pub struct Recorded {
    timelines: std::vec::IntoIter<Timeline>,
    nodes: BTreeMap<String, NodeLine>,
    /// What each node found out about each connection.
    parts: HashMap<(String, JoinKey), Part>,
    summaries: Vec<Summary>,
    joined: JoinCounts,
    figures: TraceFigures,
}

/// How many timelines there are, and how many were joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JoinCounts {
    /// All of them.
    pub timelines: usize,
    /// Put together from several nodes'.
    pub joined: usize,
    /// Whose other node is missing.
    pub alone: usize,
}

impl Recorded {
    /// Reads the files, one or more a node; the timelines of several are joined.
    ///
    /// # Errors
    /// Errors if a file cannot be read or is no recording, naming file and line.
    pub fn read(files: &[PathBuf]) -> Result<Self> {
        let mut all = Self {
            timelines: Vec::new().into_iter(),
            nodes: BTreeMap::new(),
            parts: HashMap::new(),
            summaries: Vec::new(),
            joined: JoinCounts::default(),
            figures: TraceFigures {
                lost: Some(0),
                ..TraceFigures::default()
            },
        };
        let mut timelines = Vec::new();
        for file in files {
            let contents = read::contents(file)?;
            if contents.summaries.is_empty() {
                // Nobody knows what is missing.
                all.figures.lost = None;
                let what = "does not end with the figures of its trace: it was cut short";
                let line = format!("{} {what}", file.display());
                all.figures.cut_short.push(line);
            }
            for summary in contents.summaries {
                all.add_summary(summary);
            }
            (all.nodes).extend(contents.nodes.into_iter().map(|n| (n.node.clone(), n)));
            for line in contents.timelines {
                all.add_part(&line);
                timelines.push(line.timeline);
            }
        }
        if files.len() > 1 {
            let joined = join::join(timelines);
            all.joined = JoinCounts {
                timelines: joined.timelines.len(),
                joined: joined.whole,
                alone: joined.alone,
            };
            timelines = joined.timelines;
        }
        all.timelines = timelines.into_iter();
        Ok(all)
    }

    /// Judges the next timeline.
    pub fn judge_next(&mut self) -> Option<Judged> {
        let timeline = self.timelines.next()?;
        let identity = identity(&timeline);
        let parts: Vec<&Part> = (timeline.nodes.iter())
            .filter_map(|node| self.parts.get(&(node.clone(), identity.clone())))
            .collect();
        Some(judge_joined(timeline, &self.nodes, &parts))
    }

    /// The figures of all recordings together.
    pub fn figures(&self) -> &TraceFigures {
        &self.figures
    }

    /// The figures of each recording.
    pub fn summaries(&self) -> &[Summary] {
        &self.summaries
    }

    /// How many timelines were joined.
    pub fn joined(&self) -> JoinCounts {
        self.joined
    }

    fn add_summary(&mut self, summary: Summary) {
        let figures = &mut self.figures;
        figures.events += summary.events;
        figures.unfinished += summary.unfinished;
        figures.lost = figures.lost.map(|lost| lost.saturating_add(summary.lost));
        figures.gaps.extend(summary.gaps.iter().cloned());
        figures.nodes.push(summary.node.clone());
        self.summaries.push(summary);
    }

    /// Keeps what a node found out; of several revisions the latest.
    fn add_part(&mut self, line: &TimelineLine) {
        let part = Part::new(line);
        for node in &line.timeline.nodes {
            let key = (node.clone(), identity(&line.timeline));
            let known = self.parts.get(&key);
            if known.is_none_or(|known| known.revision() <= part.revision()) {
                self.parts.insert(key, part.clone());
            }
        }
    }
}

/// What one connection's timelines on several nodes have in common.
fn identity(timeline: &Timeline) -> JoinKey {
    JoinKey {
        server_isn: None,
        tunnel: None,
        ..timeline.key.clone()
    }
}
