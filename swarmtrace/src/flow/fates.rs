//! What the kernel itself reported of one flow: drops and resets.

use super::model::{FlowDrop, FlowReset};
use super::packet::TCP;
use crate::capture::Event;
use crate::sys::clock::Mono;
use swarmtrace_common::{FateEvent, NO_REASON, PacketFlags, TcpFlags, Tuple};

/// Most drops, and most resets, that are kept of one flow.
const MOST: usize = 16;

/// What the kernel reported of one flow.
#[derive(Debug, Default)]
pub(super) struct Fates {
    pub drops: Vec<FlowDrop>,
    pub resets: Vec<FlowReset>,
}

impl Fates {
    /// Adds a drop or a reset; `true` if there was none like it.
    pub fn add(&mut self, event: &Event) -> bool {
        match event {
            Event::Packet(_) => false,
            Event::Drop(fate) => {
                let drop = FlowDrop::of(fate);
                let known = self.drops.iter().any(|d| d.is_like(&drop));
                keep(&mut self.drops, drop) && !known
            }
            Event::ResetSent(fate) => {
                let reset = FlowReset::of(fate);
                let known = self.resets.iter().any(|r| r.is_like(&reset));
                keep(&mut self.resets, reset) && !known
            }
        }
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.drops.capacity() * size_of::<FlowDrop>()
            + self.resets.capacity() * size_of::<FlowReset>()
    }
}

fn keep<T>(list: &mut Vec<T>, one: T) -> bool {
    let fits = list.len() < MOST;
    if fits {
        list.reserve_exact(1);
        list.push(one);
    }
    fits
}

impl FlowDrop {
    fn of(fate: &FateEvent) -> Self {
        let packet = &fate.packet;
        Self {
            time: Mono::of(packet),
            skb: packet.skb,
            location: fate.location,
            netns: packet.netns,
            ifindex: packet.ifindex,
            reason: fate.reason,
            tuple: own_addresses(fate),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        let what = |d: &Self| (d.reason, d.location, d.netns, d.ifindex, d.tuple);
        what(self) == what(other)
    }
}

impl FlowReset {
    fn of(fate: &FateEvent) -> Self {
        Self {
            time: Mono::of(&fate.packet),
            netns: fate.packet.netns,
            reason: fate.reason,
            tuple: fate.packet.tuple,
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        let what = |r: &Self| (r.reason, r.netns, r.tuple);
        what(self) == what(other)
    }
}

/// Whether a drop is part of every connection's end: the kernel frees the last
/// segments of a closing connection as if it dropped them, without a reason. It does
/// not free so what carries data or opens a connection, and a firewall's drop has a
/// reason where the kernel knows any.
pub(super) fn is_routine(event: &Event) -> bool {
    let Event::Drop(fate) = event else {
        return false;
    };
    let packet = &fate.packet;
    fate.reason == NO_REASON
        && packet.tuple.protocol == TCP
        && packet.payload_length == 0
        && !packet.tcp_flags.contains(TcpFlags::SYN)
        && !packet.has(PacketFlags::ICMP_ERROR)
}

/// The packet's own addresses, an ICMP error's without type and code.
fn own_addresses(fate: &FateEvent) -> Tuple {
    let packet = &fate.packet;
    if !packet.has(PacketFlags::ICMP_ERROR) {
        return packet.tuple;
    }
    Tuple {
        src_port: 0,
        dst_port: 0,
        ..packet.outer
    }
}
