//! `swarmtrace-rst` and `swarmtrace-rst-summary`: failed connections, as `rst`
//! writes them.

use super::record::{Format, Record, stamp};
use super::timeline::TimelineLine;
use crate::diagnose::{Diagnosis, TaskActivity};
use crate::sys::clock::Wall;
use crate::timeline::{Direction, Timeline};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use std::net::SocketAddr;

/// How a connection failed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// A reset answered the SYN.
    Refused,
    /// A reset broke it later.
    Reset,
    /// An ICMP error answered the SYN.
    IcmpError,
    /// Nothing answered the SYN.
    Unanswered,
    /// The SYN-ACK was not seen to come back to where the SYN came from.
    AnswerLost,
    /// It was answered after the SYN or SYN-ACK had been retransmitted.
    SentAgain,
}

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The end that opened the connection.
    Client,
    /// The end that the connection was opened to.
    Server,
}

/// How a failure's origin is known.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    /// The first tap that saw the reset; for silence, the last that saw the packet.
    Tap,
    /// The kernel reports that it sent the reset in this namespace.
    Kernel,
}

/// Where a failure began: where the reset or ICMP error was sent; for silence, the
/// last hop that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// Name of the node.
    pub node: String,
    /// Name of the namespace.
    pub namespace: String,
    /// Inode of the namespace.
    pub netns: u32,
    /// Name of the device, where a tap saw the packet in that namespace.
    pub device: Option<String>,
    /// Which way the packet crossed that device.
    pub way: Option<Direction>,
    /// How the origin is known.
    pub by: KnownBy,
}

impl Origin {
    /// `vote.1 eth0 out`, `in vote.1`
    pub fn describe(&self) -> String {
        let way = self.way.map_or("", Direction::name);
        match &self.device {
            Some(device) => format!("{} {device} {way}", self.namespace),
            None => format!("in {}", self.namespace),
        }
    }
}

/// One failed connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// How it failed.
    pub kind: FailureKind,
    /// Whether it failed before it was established.
    pub during_handshake: bool,
    /// Which side sent the reset; null where there was none.
    pub side: Option<Side>,
    /// When it failed, nanoseconds since the Unix epoch.
    #[schemars(with = "u64")]
    pub time: Wall,
    /// Where the failure began.
    #[serde(rename = "birthplace")]
    pub origin: Option<Origin>,
    /// The kernel's reason for the reset.
    pub reason: Option<String>,
    /// The service that the client connected to.
    pub service: Option<String>,
    /// The task that the connection went to.
    pub task: Option<String>,
    /// The address that opened the connection.
    pub client: SocketAddr,
    /// The address that the client connected to.
    pub entry: SocketAddr,
    /// Where the connection ends.
    pub backend: Option<SocketAddr>,
    /// What the task was doing at that moment, as far as Docker's events say.
    pub task_state: Option<TaskActivity>,
    /// What went wrong.
    pub verdict: Option<Diagnosis>,
    /// Every hop that was seen, as a `swarmtrace-timeline`.
    #[serde(serialize_with = "stamped_timeline")]
    pub timeline: Timeline,
}

fn stamped_timeline<S: Serializer>(timeline: &Timeline, to: S) -> Result<S::Ok, S::Error> {
    stamp(TimelineLine::FORMAT, timeline).serialize(to)
}

impl Finding {
    /// Whether a reset was sent.
    pub fn is_reset(&self) -> bool {
        matches!(self.kind, FailureKind::Refused | FailureKind::Reset)
    }

    /// What the connection was for: the service, else the address dialled.
    pub fn target(&self) -> String {
        (self.service.clone()).unwrap_or_else(|| self.entry.to_string())
    }

    /// Where it went: the task, else the backend's address.
    pub fn destination(&self) -> Option<String> {
        let backend = || self.backend.map(|b| b.to_string());
        self.task.clone().or_else(backend)
    }
}

impl Record for Finding {
    const FORMAT: Format = Format {
        name: "swarmtrace-rst",
        written_by: "rst",
        read_by: "",
        changes: &["First version."],
    };
}

/// What makes failures alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct GroupKey {
    /// What the connections were for: the service, else the address dialled.
    pub target: String,
    /// Where they went: the task, else the backend's address.
    pub destination: Option<String>,
    /// The verdict's id.
    pub verdict: Option<String>,
    /// How they failed.
    pub kind: FailureKind,
    /// Where the failures began: `vote.1 eth0 out`.
    #[serde(rename = "birthplace")]
    pub origin: Option<String>,
}

impl GroupKey {
    /// The group of a failure.
    pub fn of(finding: &Finding) -> Self {
        Self {
            target: finding.target(),
            destination: finding.destination(),
            verdict: finding.verdict.as_ref().map(|v| v.id.to_string()),
            kind: finding.kind,
            origin: finding.origin.as_ref().map(Origin::describe),
        }
    }
}

/// Failures that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// What they have in common.
    #[serde(flatten)]
    pub key: GroupKey,
    /// How many.
    pub count: u64,
    /// When the first happened, nanoseconds since the Unix epoch.
    #[schemars(with = "u64")]
    pub first: Wall,
    /// When the last happened, nanoseconds since the Unix epoch.
    #[schemars(with = "u64")]
    pub last: Wall,
}

impl Group {
    /// Failures a second between the first and the last; `None` of a single one.
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.last.since(self.first).unsigned() as f64 / 1e9;
        (self.count > 1 && seconds > 0.0).then(|| (self.count - 1) as f64 / seconds)
    }
}

/// The figures of a trace of failures, its last line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RstSummary {
    /// Name of the node.
    pub node: String,
    /// Connections that failed.
    pub found: u64,
    /// Those of them that were reset.
    pub resets: u64,
    /// Silent connections whose answer may only have been missed by the trace; not
    /// among those that failed.
    pub uncertain: u64,
    /// Failures that are alike, the most frequent first.
    pub groups: Vec<Group>,
    /// Failures of groups that are not listed, because there were too many groups.
    pub others: u64,
    /// How long the trace took, in seconds.
    pub seconds: f64,
    /// Events reported by the kernel side.
    pub events: u64,
    /// Events lost between kernel and user space.
    pub lost: u64,
    /// The lost events of each CPU.
    pub lost_by_cpu: Vec<u64>,
    /// What could not be seen, a line each.
    pub gaps: Vec<String>,
}

impl Record for RstSummary {
    const FORMAT: Format = Format {
        name: "swarmtrace-rst-summary",
        written_by: "rst",
        read_by: "",
        changes: &["First version."],
    };
}
