//! Failures that are alike, counted.
//!
//! Alike are those of one service and backend with one verdict and one
//! birthplace. There is a limit to how many kinds are kept: those that did not
//! happen for longest are folded into one number.

use super::finding::{Finding, Kind};
use serde::Serialize;
use std::collections::HashMap;

/// Most kinds that are kept.
const MOST: usize = 256;

/// What makes failures alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Key {
    /// Whom the connection was for.
    pub target: String,
    /// Where it went.
    pub destination: Option<String>,
    /// The verdict's id.
    pub verdict: Option<String>,
    /// How it failed.
    pub kind: Kind,
    /// Name of the node and place where it began.
    pub birthplace: Option<String>,
}

impl Key {
    fn of(finding: &Finding) -> Self {
        Self {
            target: finding.target(),
            destination: finding.destination(),
            verdict: finding.verdict.as_ref().map(|v| v.id.clone()),
            kind: finding.kind,
            birthplace: finding.birthplace.as_ref().map(|b| b.describe()),
        }
    }
}

impl std::hash::Hash for Kind {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (*self as u8).hash(state);
    }
}

/// Failures that are alike.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// What makes them so.
    #[serde(flatten)]
    pub key: Key,
    /// How many.
    pub count: u64,
    /// When the first happened, nanoseconds since the Unix epoch.
    pub first: u64,
    /// When the last happened.
    pub last: u64,
    /// How many were counted when this was last asked.
    #[serde(skip)]
    told: u64,
}

impl Group {
    /// Failures a second between the first and the last; `None` of a single one.
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.last.saturating_sub(self.first) as f64 / 1e9;
        (self.count > 1 && seconds > 0.0).then(|| (self.count - 1) as f64 / seconds)
    }
}

/// Every kind of failure so far.
#[derive(Debug, Default)]
pub struct Groups {
    groups: HashMap<Key, Group>,
    others: u64,
}

impl Groups {
    /// Counts a failure; whether it is the first of its kind.
    pub fn add(&mut self, finding: &Finding) -> bool {
        let key = Key::of(finding);
        if let Some(group) = self.groups.get_mut(&key) {
            group.count += 1;
            group.first = group.first.min(finding.time);
            group.last = group.last.max(finding.time);
            return false;
        }
        if self.groups.len() >= MOST {
            let oldest = self.groups.values().min_by_key(|g| g.last);
            if let Some(key) = oldest.map(|g| g.key.clone())
                && let Some(group) = self.groups.remove(&key)
            {
                self.others += group.count;
            }
        }
        let group = Group {
            key: key.clone(),
            count: 1,
            first: finding.time,
            last: finding.time,
            told: 1,
        };
        self.groups.insert(key, group);
        true
    }

    /// Kinds that have grown since this was last asked, each with by how many,
    /// the most first.
    pub fn grown(&mut self) -> Vec<(u64, Group)> {
        let mut grown: Vec<(u64, Group)> = Vec::new();
        for group in self.groups.values_mut().filter(|g| g.count > g.told) {
            grown.push((group.count - group.told, group.clone()));
            group.told = group.count;
        }
        grown.sort_by(|a, b| (b.0, a.1.first).cmp(&(a.0, b.1.first)));
        grown
    }

    /// All kinds that are kept, the most frequent first.
    pub fn all(&self) -> Vec<&Group> {
        let mut all: Vec<&Group> = self.groups.values().collect();
        all.sort_by(|a, b| (b.count, a.first).cmp(&(a.count, b.first)));
        all
    }

    /// Failures of kinds that are not kept any more.
    pub fn others(&self) -> u64 {
        self.others
    }
}
