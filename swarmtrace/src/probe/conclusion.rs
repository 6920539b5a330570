//! What an [`Outcome`] means. What one answer leaves open, the others close: a
//! node none of whose tasks answers is cut off, and a task that alone is silent
//! has lost its own entries.

use super::{Answer, Entry, Outcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kinds of verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// All that was sent was answered.
    Passes,
    /// It passes, though the echoes that would tell its size are not answered.
    PassesUnsized,
    /// Nothing passes between this node and that one.
    DataPathBlocked,
    /// Others on its node are reached, this one is not.
    Unreached,
    /// Small packets pass, full-size ones do not.
    MtuHole,
    /// Nothing listens on the port.
    NothingListens,
    /// Packets with a checksum are lost, those without arrive.
    ChecksumsBroken,
    /// Echoes pass, TCP gets no answer.
    TcpDropped,
    /// This node itself answered, instead of the mesh.
    MeshNotEntered,
    /// Some handshakes through the mesh fail.
    MeshPartly,
    /// The mesh refuses.
    MeshRefuses,
    /// The mesh does not answer.
    MeshSilent,
}

impl Kind {
    /// Nothing is wrong.
    pub fn passes(self) -> bool {
        matches!(self, Self::Passes | Self::PassesUnsized)
    }
}

/// A kind, and one line that says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Verdict")]
pub struct Conclusion {
    /// Which.
    pub kind: Kind,
    /// For people.
    pub text: String,
}

/// Judges one outcome in the light of all.
pub fn conclude(outcome: &Outcome, all: &[Outcome]) -> Conclusion {
    let (kind, text) = match outcome.target.entry {
        Entry::Mesh => mesh(outcome),
        Entry::Direct => direct(outcome, all),
    };
    Conclusion { kind, text }
}

fn mesh(outcome: &Outcome) -> (Kind, String) {
    let all = outcome.tcp.len();
    let came = outcome.tcp.iter().filter(|a| a.came()).count();
    let refused = outcome
        .tcp
        .iter()
        .filter(|a| **a == Answer::Refused)
        .count();
    if outcome.own > 0 {
        let text = "answered by this node's own listener instead of the mesh: DOCKER-INGRESS does \
                    not rewrite the port (swarmtrace doctor shows the rule)";
        return (Kind::MeshNotEntered, text.to_owned());
    }
    match came {
        n if n == all && all > 0 => (Kind::Passes, format!("all {all} handshakes pass")),
        0 if refused > 0 => (
            Kind::MeshRefuses,
            "refused: no mark, no IPVS service or destination, or nothing listens in the tasks \
             (swarmtrace doctor tells the first three)"
                .to_owned(),
        ),
        0 => (
            Kind::MeshSilent,
            "no answer: dropped on the way in, on the way to every task, or on the way back \
             (swarmtrace follow shows where)"
                .to_owned(),
        ),
        n => (
            Kind::MeshPartly,
            format!(
                "{n} of {all} handshakes pass, {refused} are refused, {} get no answer: the tasks \
                 that the load balancer takes in turn are not all reached",
                all - n - refused
            ),
        ),
    }
}

fn direct(outcome: &Outcome, all: &[Outcome]) -> (Kind, String) {
    let target = &outcome.target;
    let any = |answers: &[Answer]| answers.iter().any(Answer::came);
    let (small, full, tcp) = (any(&outcome.small), any(&outcome.full), any(&outcome.tcp));
    let refused = outcome.tcp.contains(&Answer::Refused);
    if !small && (tcp || refused) {
        return match tcp {
            true => (
                Kind::PassesUnsized,
                "the handshake passes; echoes are not answered, so full-size packets are not \
                 tested"
                    .to_owned(),
            ),
            false => nothing_listens(outcome),
        };
    }
    if !small {
        return silent(outcome, all);
    }
    if !full {
        let mtu = target.mtu.unwrap_or_default();
        let largest = outcome.largest.unwrap_or_default();
        return (
            Kind::MtuHole,
            format!(
                "MTU hole: packets of {mtu} bytes are lost, up to {largest} pass: the network \
                 below carries {} bytes instead of {}",
                largest + 50,
                mtu + 50
            ),
        );
    }
    if refused {
        return nothing_listens(outcome);
    }
    if !tcp && !outcome.tcp.is_empty() {
        return match &outcome.datagrams {
            Some([Answer::Silent, Answer::Refused]) => (
                Kind::ChecksumsBroken,
                "checksums are broken on the way: a UDP datagram without one arrives, with one it \
                 is lost, and so is TCP: switch the card's checksum offload off on the sending \
                 node (ethtool -K … tx-checksum-ip-generic off)"
                    .to_owned(),
            ),
            _ => (
                Kind::TcpDropped,
                "echoes of every size pass, TCP gets no answer: a filter in the task or on the \
                 way, or broken checksums"
                    .to_owned(),
            ),
        };
    }
    let what = match outcome.tcp.is_empty() {
        true => "echoes of both sizes pass; it has no TCP port to try",
        false => "handshake and echoes of both sizes pass",
    };
    (Kind::Passes, what.to_owned())
}

fn nothing_listens(outcome: &Outcome) -> (Kind, String) {
    let port = outcome.target.port.unwrap_or_default();
    (
        Kind::NothingListens,
        format!("the task is reached and refuses port {port}: nothing listens there"),
    )
}

/// No answer of any kind.
fn silent(outcome: &Outcome, all: &[Outcome]) -> (Kind, String) {
    let target = &outcome.target;
    let node = target.node.as_deref().unwrap_or("its node");
    let said = outcome
        .small
        .iter()
        .chain(&outcome.tcp)
        .find_map(|a| match a {
            Answer::Failed { why } => Some(format!(" ({why})")),
            _ => None,
        });
    let said = said.unwrap_or_default();
    if !target.remote {
        let text = format!(
            "not reached{said} though it is on this node: the task is gone, or its device is not \
             on the bridge (swarmtrace doctor)"
        );
        return (Kind::Unreached, text);
    }
    let reached = |o: &&Outcome| {
        let answers = o.small.iter().chain(&o.tcp);
        let any = answers.clone().any(|a| a.came() || *a == Answer::Refused);
        o.target.entry == Entry::Direct && o.target.node == target.node && any
    };
    match all.iter().find(reached) {
        Some(other) => (
            Kind::Unreached,
            format!(
                "not reached{said}, though {} on {node} is: the task is gone, or the entries for \
                 its address are missing here or there (swarmtrace doctor on both nodes)",
                other.target.address
            ),
        ),
        None => (
            Kind::DataPathBlocked,
            format!(
                "nothing of {node} is reached{said}: the data path (UDP 4789 by default) is \
                 blocked on a node or between them, or the node is down (swarmtrace doctor on both \
                 nodes)"
            ),
        ),
    }
}
