//! Writes what became of a packet into the ring buffer.

use super::buffer::Buffer;
use super::offsets::kernel;
use super::place::Place;
use super::room::Room;
use crate::emit::{Counts, EVENTS, wake_up};
use crate::skb::read;
use crate::{options, words};
use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use swarmtrace_common::{FateEvent, counters, flags};

/// Writes a record of what is in the room; `finish` adds what makes it a drop or
/// a reset.
#[inline(always)]
pub fn report(
    counts: &Counts,
    buffer: &Buffer,
    room: &Room,
    bits: u16,
    place: Place,
    finish: impl FnOnce(*mut FateEvent),
) {
    let parsed = &room.parsed;
    let stamps = if parsed.options_length > 0 {
        options::timestamps(&buffer.linear, parsed)
    } else {
        None
    };
    let mark = match buffer.skb {
        0 => 0,
        skb => read(skb, kernel!(skb_mark)).unwrap_or(0),
    };
    let length = match buffer.skb {
        0 => 0,
        skb => read(skb, kernel!(skb_len)).unwrap_or(0),
    };
    let Some(mut entry) = EVENTS.reserve::<FateEvent>(0) else {
        counts.add(counters::LOST);
        return;
    };
    let event = entry.as_mut_ptr();
    // SAFETY: the event is reserved and ours alone until it is submitted; it is
    // zeroed as a whole first.
    unsafe {
        words::zero(event);
        let packet = &raw mut (*event).packet;
        (*packet).time = bpf_ktime_get_ns();
        (*packet).skb = buffer.skb;
        (*packet).netns = place.netns;
        (*packet).ifindex = place.ifindex;
        (*packet).mark = mark;
        (*packet).length = length;
        (*packet).seq = parsed.seq;
        (*packet).ack = parsed.ack;
        (*packet).vni = parsed.vni;
        (*packet).payload_length = parsed.payload_length;
        (*packet).payload_tag = parsed.payload_tag;
        (*packet).ip_id = parsed.ip_id;
        (*packet).vlan = parsed.vlan;
        (*packet).tcp_flags = parsed.tcp_flags;
        (*packet).ttl = parsed.ttl;
        words::copy(&raw const parsed.tuple, &raw mut (*packet).tuple);
        words::copy(&raw const parsed.outer, &raw mut (*packet).outer);
        words::copy(&raw const room.original, &raw mut (*packet).original);
        words::copy(&raw const room.reply, &raw mut (*packet).reply);
        (*packet).flags = parsed.flags | bits;
        if let Some((value, echo)) = stamps {
            (*packet).tsval = value;
            (*packet).tsecr = echo;
            (*packet).flags |= flags::TIMESTAMPS;
        }
    }
    finish(event);
    entry.submit(wake_up(counts.add(counters::FATES)));
}
