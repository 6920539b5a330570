//! One failed connection: what happened, where it began, and who did it.

use crate::diagnose::{Diagnosis, TaskActivity};
use crate::recording::{FailureKind, Finding, KnownBy, Origin, Side};
use crate::sys::clock::Nanos;
use crate::timeline::{Gap, Hop, Leg, Phase, State, Timeline};

/// How soon after the SYN-ACK a reset still belongs to the handshake.
const HANDSHAKE: Nanos = Nanos::from_secs(1);

impl Finding {
    /// The failure that a judged timeline shows; `None` where nothing failed, or
    /// where an earlier revision of the timeline showed it.
    pub fn of(
        timeline: Timeline,
        verdict: Option<Diagnosis>,
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
            time: timeline.started + after,
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
