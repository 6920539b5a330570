//! Failures that are alike, counted.
//!
//! Alike are those of one service and backend with one verdict and one origin.
//! There is a limit to how many groups are kept: those whose last failure is the
//! oldest are folded into one number.

use crate::recording::{Finding, Group, GroupKey};
use std::collections::HashMap;

/// Most groups that are kept.
const MOST: usize = 256;

/// A group, and how many of its failures were already reported.
#[derive(Debug)]
struct Counted {
    group: Group,
    reported: u64,
}

/// Every group of failures so far.
#[derive(Debug, Default)]
pub struct Groups {
    groups: HashMap<GroupKey, Counted>,
    others: u64,
}

impl Groups {
    /// Counts a failure; whether it is the first of its group.
    pub fn add(&mut self, finding: &Finding) -> bool {
        let key = GroupKey::of(finding);
        if let Some(Counted { group, .. }) = self.groups.get_mut(&key) {
            group.count += 1;
            group.first = group.first.min(finding.time);
            group.last = group.last.max(finding.time);
            return false;
        }
        if self.groups.len() >= MOST {
            let oldest = self.groups.values().min_by_key(|c| c.group.last);
            if let Some(key) = oldest.map(|c| c.group.key.clone())
                && let Some(counted) = self.groups.remove(&key)
            {
                self.others += counted.group.count;
            }
        }
        let group = Group {
            key: key.clone(),
            count: 1,
            first: finding.time,
            last: finding.time,
        };
        self.groups.insert(key, Counted { group, reported: 1 });
        true
    }

    /// The groups that have grown since this was last called, each with by how
    /// many failures, the most first.
    pub fn grown(&mut self) -> Vec<(u64, Group)> {
        let mut grown: Vec<(u64, Group)> = Vec::new();
        for counted in self.groups.values_mut() {
            let more = counted.group.count - counted.reported;
            if more > 0 {
                grown.push((more, counted.group.clone()));
                counted.reported = counted.group.count;
            }
        }
        grown.sort_by(|a, b| (b.0, a.1.first).cmp(&(a.0, b.1.first)));
        grown
    }

    /// All groups that are kept, the most frequent first.
    pub fn all(&self) -> Vec<&Group> {
        let mut all: Vec<&Group> = self.groups.values().map(|c| &c.group).collect();
        all.sort_by(|a, b| (b.count, a.first).cmp(&(a.count, b.first)));
        all
    }

    /// Failures of groups that are not kept any more.
    pub fn others(&self) -> u64 {
        self.others
    }
}
