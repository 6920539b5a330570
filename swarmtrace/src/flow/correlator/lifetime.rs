//! What a packet means for its flow, and how long the flow is waited for and kept.

use super::Correlator;
use crate::flow::leg::Leg;
use crate::flow::marks::Marks;
use crate::flow::open_flow::OpenFlow;
use crate::flow::options::Waits;
use crate::flow::phase::Phase;
use crate::sys::clock::{Mono, Nanos};
use crate::sys::protocol::Protocol;
use swarmtrace_common::{PacketEvent, PacketFlags, TcpFlags};

impl Correlator {
    /// Marks what a packet means for its flow, and sets when to look at it again.
    pub(super) fn update(&mut self, slot: u32, event: &PacketEvent, leg: Leg, phase: Phase) {
        let Some(flow) = self.store.get_mut(slot) else {
            return;
        };
        let before = flow.marks;
        let udp = flow.protocol == Protocol::Udp;
        match phase {
            Phase::Syn => flow.set(Marks::START_SEEN),
            Phase::SynAck => {
                flow.server_isn = event.seq;
                flow.set(Marks::ANSWERED);
            }
            Phase::Request if udp => flow.set(Marks::START_SEEN | Marks::REQUEST),
            Phase::Response if udp => flow.set(Marks::ANSWERED | Marks::RESPONSE),
            Phase::Request => flow.set(Marks::REQUEST),
            Phase::Response => flow.set(Marks::RESPONSE),
            Phase::Rst => flow.set(Marks::RESET),
            Phase::IcmpError => flow.set(Marks::ICMP),
            Phase::Fin | Phase::Ack => {}
        }
        if event.tcp_flags.contains(TcpFlags::FIN) && !event.has(PacketFlags::ICMP_ERROR) {
            flow.set(match leg {
                Leg::Forward => Marks::CLIENT_FIN,
                Leg::Reply => Marks::SERVER_FIN,
            });
        }
        let news = flow.marks.difference(before);
        if flow.is(Marks::EMITTED) {
            let late_response = news.contains(Marks::RESPONSE) && before.contains(Marks::REQUEST);
            let broken = news.contains(Marks::RESET) && !before.contains(Marks::CLOSED);
            if broken || late_response || news.contains(Marks::ANSWERED) {
                flow.set(Marks::CHANGED);
            }
        }
        let deadline = wait_until(flow, Mono::of(event), &self.waits);
        self.store.set_deadline(slot, deadline);
    }

    /// Drops a flow that was due if it is over or forgotten, else sets when to look
    /// at it again.
    pub(super) fn keep_or_drop(&mut self, slot: u32, now: Mono) {
        let Some(flow) = self.store.get(slot) else {
            return;
        };
        let kept = if flow.is(Marks::RESET) && !flow.is(Marks::SUPERSEDED) {
            self.waits.after_reset
        } else if flow.is_over() {
            Nanos::ZERO
        } else {
            self.waits.forget
        };
        let forget = flow.last + kept;
        if forget <= now {
            self.store.remove(slot);
        } else {
            self.store.set_deadline(slot, forget);
        }
    }
}

/// Until when a flow is waited for, after a packet at `time`.
fn wait_until(flow: &OpenFlow, time: Mono, waits: &Waits) -> Mono {
    let first = |phase| {
        flow.packets
            .iter()
            .find(|p| p.phase == phase)
            .map_or(time, |p| p.base)
    };
    let udp = flow.protocol == Protocol::Udp;
    let complete = flow.is(Marks::RESPONSE) && (udp || flow.is(Marks::REQUEST));
    if flow.is_over() || flow.is(Marks::CHANGED) {
        time + waits.linger
    } else if flow.is(Marks::EMITTED) {
        time + waits.forget
    } else if complete || flow.is(Marks::ICMP) {
        time + waits.linger
    } else if flow.is(Marks::REQUEST) && !udp {
        first(Phase::Request) + waits.response
    } else if flow.is(Marks::ANSWERED) {
        first(Phase::SynAck) + waits.idle
    } else {
        flow.start + waits.unanswered
    }
}
