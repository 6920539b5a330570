//! One failed connection: what happened, where it began, and who did it.

use crate::diagnose::{TaskActivity, Verdict};
use crate::flow::FlowPacket;
use crate::recording::{FailureKind, Finding, KnownBy, Origin, Side};
use crate::sys::clock::Nanos;
use crate::timeline::{Gap, Hop, Leg, Phase, Place, State, Timeline};

/// How soon after the SYN-ACK a reset still belongs to the handshake.
const HANDSHAKE: Nanos = Nanos::from_secs(1);

<<<<<<< HEAD
=======
/// How a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
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
    /// It was answered, after the SYN or SYN-ACK had been sent again.
    SentAgain,
}

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Who opened the connection.
    Client,
    /// Who was asked.
    Server,
}

/// How a birthplace is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    /// The first tap that saw the reset; for silence, the last that saw the packet.
    Tap,
    /// The kernel says that it sent the reset in this namespace.
    Kernel,
}

/// Where a failure began: where a reset or ICMP error was born; for silence, the
/// last hop that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Birthplace {
    /// Name of the node.
    pub node: String,
    /// Name of the namespace.
    pub namespace: String,
    /// Inode of the namespace.
    pub netns: u32,
    /// Name of the device, where a tap saw it in that namespace.
    pub device: Option<String>,
    /// Which way it crossed that device.
    pub way: Option<Way>,
    /// How it is known.
    pub by: KnownBy,
}

impl Birthplace {
    /// `vote.1 eth0 out`, `in vote.1`
    pub fn describe(&self) -> String {
        let way = match self.way {
            Some(Way::In) => "in",
            Some(Way::Out) => "out",
            None => "",
        };
        match &self.device {
            Some(device) => format!("{} {device} {way}", self.namespace),
            None => format!("in {}", self.namespace),
        }
    }

    fn at(hop: &Hop) -> Self {
        Self {
            node: hop.node.to_string(),
            namespace: hop.namespace.to_string(),
            netns: hop.netns,
            device: Some(hop.device.to_string()),
            way: Some(hop.way),
            by: KnownBy::Tap,
        }
    }
}

/// One failed connection. This is its JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// [`FORMAT`]
    pub format: &'static str,
    /// [`VERSION`]
    pub version: u32,
    /// How it failed.
    pub kind: Kind,
    /// Whether it failed before it was open.
    pub during_handshake: bool,
    /// Which side sent the reset.
    pub side: Option<Side>,
    /// When, nanoseconds since the Unix epoch.
    pub time: u64,
    /// Where it began.
    pub birthplace: Option<Birthplace>,
    /// The kernel's reason for the reset.
    pub reason: Option<String>,
    /// Service that was asked for.
    pub service: Option<String>,
    /// Task that it went to.
    pub task: Option<String>,
    /// Who opened the connection.
    pub client: SocketAddr,
    /// What the client asked for.
    pub entry: SocketAddr,
    /// Where the connection ends.
    pub backend: Option<SocketAddr>,
    /// What the task was doing at that moment, as far as Docker said.
    pub task_state: Option<TaskActivity>,
    /// What went wrong.
    pub verdict: Option<Verdict>,
    /// Every hop that was seen.
    pub timeline: Timeline,
}

>>>>>>> d5b3003 (Plain English in topology, selection and probe; TaskActivity is what a task was doing, TaskActivity Docker's)
impl Finding {
    /// The failure that a judged timeline shows; `None` where nothing failed, or
    /// where an earlier revision of the timeline showed it.
    pub fn of(
        timeline: Timeline,
        verdict: Option<Verdict>,
        task_state: Option<TaskActivity>,
    ) -> Option<Self> {
        let (kind, index, side) = match timeline.state {
            State::Refused { by } => (FailureKind::Refused, Some(by), Some(Side::Server)),
            State::Reset { by, leg } => {
                let side = match leg {
                    Leg::Forward => Side::Client,
                    Leg::Reply => Side::Server,
                };
                (FailureKind::Reset, Some(by), Some(side))
            }
            State::IcmpError { by, .. } => (FailureKind::IcmpError, Some(by), None),
            State::Unanswered => (FailureKind::Unanswered, timeline.reached, None),
            State::AnswerLost { last } => (FailureKind::AnswerLost, Some(last), None),
            State::Established | State::Closed if was_sent_again(&timeline) => {
                (FailureKind::SentAgain, timeline.reached, None)
            }
            State::Established | State::Closed => return None,
        };
        // A connection that was emitted for its silence and answered after all.
        let ended = matches!(
            kind,
            FailureKind::Refused | FailureKind::Reset | FailureKind::IcmpError
        );
        if timeline.revision > 0 && !ended {
            return None;
        }
        let hop = index.and_then(|index| timeline.hops.get(index));
        let sent = side.and_then(|_| timeline.resets.iter().min_by_key(|r| r.time));
        let origin = match (hop, sent) {
            (Some(hop), Some(sent)) if sent.netns == hop.netns && sent.node == *hop.node => {
                Some(Origin {
                    by: KnownBy::Kernel,
                    ..seen_at(hop)
                })
            }
            (_, Some(sent)) => Some(Origin {
                node: sent.node.clone(),
                namespace: sent.namespace.clone(),
                netns: sent.netns,
                device: None,
                way: None,
                by: KnownBy::Kernel,
            }),
            (Some(hop), None) => Some(seen_at(hop)),
            (None, None) => None,
        };
        let after = hop.map_or(Nanos::ZERO, |h| h.time_ns.since(timeline.started_monotonic));
        Some(Self {
            kind,
            during_handshake: kind != FailureKind::Reset
                || hop.is_some_and(|h| opens(&timeline, h)),
            side,
            time: (timeline.started + after).ns(),
            origin,
            reason: sent.and_then(|r| r.reason()).map(str::to_owned),
            service: timeline.service.clone(),
            task: timeline.task.clone(),
            client: timeline.client,
            entry: timeline.entry,
            backend: timeline.backend,
            task_state,
            verdict,
            timeline,
        })
    }

    /// Whether the silence may be the trace's own: an answer could have been
    /// missed. `answer_watched`: a tap stood where the answer would have left.
    pub fn is_uncertain(&self, answer_watched: bool) -> bool {
        let lost = |gap: &Gap| matches!(gap, Gap::EventsLost { .. });
        let silent = matches!(self.kind, FailureKind::Unanswered | FailureKind::AnswerLost);
        silent && (!answer_watched || self.timeline.gaps.iter().any(lost))
    }
}

fn seen_at(hop: &Hop) -> Origin {
    Origin {
        node: hop.node.to_string(),
        namespace: hop.namespace.to_string(),
        netns: hop.netns,
        device: Some(hop.device.to_string()),
        way: Some(hop.way),
        by: KnownBy::Tap,
    }
}

/// Whether the reset of a connection that was answered belongs to its handshake:
/// it answers the SYN-ACK or the ACK after it.
fn opens(timeline: &Timeline, reset: &Hop) -> bool {
    let isn = match reset.leg {
        Leg::Forward => timeline.key.isn,
        Leg::Reply => timeline.key.server_isn,
    };
    let answered = timeline.hops.iter().find(|h| h.phase == Phase::SynAck);
    let soon = |answer: &Hop| reset.time_ns.since(answer.time_ns) < HANDSHAKE;
    // A reset that answers a segment has no ACK; a process' own has one.
    let answers = reset.packet.ack == 0 && isn.map(|n| n.wrapping_add(1)) == Some(reset.packet.seq);
    answers && answered.is_some_and(soon)
}

fn was_sent_again(timeline: &Timeline) -> bool {
    let opening = |h: &Hop| matches!(h.phase, Phase::Syn | Phase::SynAck);
    timeline.hops.iter().any(|h| opening(h) && h.attempt > 1)
}

/// Whether a packet ends its flow at once.
pub fn ends_a_flow(packet: &FlowPacket) -> bool {
    matches!(packet.phase, Phase::Rst | Phase::IcmpError)
}

/// Whether a connection was more than one between the node's own processes and
/// the world outside.
pub fn is_of_swarm(timeline: &Timeline) -> bool {
    let beyond = |h: &Hop| h.place != Place::Host || h.vxlan.is_some();
    timeline.service.is_some() || timeline.hops.iter().any(beyond)
}
