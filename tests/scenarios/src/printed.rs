//! What swarmtrace printed: the verdicts of `follow` and `join` and the findings of
//! `doctor`, as far as scenarios read them. The JSON is declared here a second time
//! on purpose: other programs depend on it, not on our types.

use serde::Deserialize;
use std::net::SocketAddr;

/// A timeline with its verdict.
#[derive(Clone, Debug, Deserialize)]
pub struct JudgedTimeline {
    /// The client's address.
    pub client: SocketAddr,
    /// The address that the client connects to.
    pub entry: SocketAddr,
    /// Nanoseconds since the epoch at the first hop.
    pub started: u64,
    /// What identifies the flow.
    pub key: Key,
    /// How often it was printed before.
    pub revision: u32,
    /// The connection's state.
    pub state: State,
    /// What went wrong.
    #[serde(default)]
    pub verdict: Option<Verdict>,
}

/// What identifies a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Key {
    /// The client's initial sequence number.
    pub isn: Option<u32>,
}

/// A connection's state.
#[derive(Clone, Debug, Deserialize)]
pub struct State {
    /// `established`, `refused`, …
    pub is: String,
}

/// What went wrong.
#[derive(Clone, Debug, Deserialize)]
pub struct Verdict {
    /// The rule's name.
    pub id: String,
    /// `proven`, `likely`, `unknown`
    pub certainty: String,
    /// Where.
    pub hop: Option<Site>,
    /// Why.
    pub evidence: Vec<String>,
}

/// Where.
#[derive(Clone, Debug, Deserialize)]
pub struct Site {
    /// Name of the node.
    pub node: String,
    /// Namespace, device, direction.
    pub place: String,
}

/// What doctor found on a node.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    /// The findings.
    pub findings: Vec<Found>,
}

/// A finding.
#[derive(Clone, Debug, Deserialize)]
pub struct Found {
    /// `broken`, `risky`, `note`
    pub severity: String,
    /// Name of the check.
    pub check: String,
    /// What differs, then more evidence.
    pub evidence: Vec<String>,
}

impl Found {
    /// What differs, in one line.
    pub fn what(&self) -> &str {
        self.evidence.first().map_or("", String::as_str)
    }
}

impl JudgedTimeline {
    /// The timelines of some lines, of each flow the last revision.
    ///
    /// # Errors
    /// Errors if a line is no JSON; names it.
    pub fn last(lines: &str) -> Result<Vec<Self>, String> {
        let mut all: Vec<Self> = Vec::new();
        for line in lines.lines().filter(|l| l.contains("swarmtrace-timeline")) {
            let timeline: Self = serde_json::from_str(line).map_err(|e| format!("{e}: {line}"))?;
            // Of TCP the sequence number distinguishes one connection from the next.
            let start = |t: &Self| t.key.isn.is_none().then_some(t.started);
            let key = |t: &Self| (t.client, t.entry, t.key, start(t));
            match all.iter_mut().find(|t| key(t) == key(&timeline)) {
                Some(old) if old.revision <= timeline.revision => *old = timeline,
                Some(_) => {}
                None => all.push(timeline),
            }
        }
        Ok(all)
    }

    /// `192.168.90.254:41000 → 192.168.90.1:8080 unanswered: fdb-missing (proven) at …`
    pub fn describe(&self) -> String {
        let (client, entry, state) = (self.client, self.entry, &self.state.is);
        match &self.verdict {
            None => format!("{client} → {entry} {state}: no verdict"),
            Some(v) => format!("{client} → {entry} {state}: {}", v.describe()),
        }
    }
}

impl Verdict {
    /// `fdb-missing (proven) at node-a: between … and …, because …`
    pub fn describe(&self) -> String {
        let (id, certainty) = (&self.id, &self.certainty);
        let at = self
            .hop
            .as_ref()
            .map_or_else(String::new, |h| format!(" at {}: {},", h.node, h.place));
        format!(
            "{id} ({certainty}){at} because {}",
            self.evidence.join("; ")
        )
    }
}
