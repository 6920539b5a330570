//! Writes what became of a packet into the ring buffer.

use super::device::Device;
use super::offsets::kernel;
use super::scratch::Scratch;
use super::sk_buff::SkBuff;
use crate::emit::{Counts, EVENTS, wake_up};
use crate::skb::read;
use crate::{tcp_options, volatile};
use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use swarmtrace_common::{FateEvent, PacketFlags, counters};

/// Writes a record of the packet in the scratch memory; `finish` adds what makes it a
/// drop or a reset.
#[inline(always)]
pub fn report(
    counts: &Counts,
    buffer: &SkBuff,
    scratch: &Scratch,
    bits: PacketFlags,
    device: Device,
    finish: impl FnOnce(*mut FateEvent),
) {
    let parsed = &scratch.parsed;
    let stamps = if parsed.options_length > 0 {
        tcp_options::timestamps(&buffer.linear, parsed)
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
        volatile::zero(event);
        let packet = &raw mut (*event).packet;
        (*packet).time = bpf_ktime_get_ns();
        (*packet).skb = buffer.skb;
        (*packet).netns = device.netns;
        (*packet).ifindex = device.ifindex;
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
        volatile::copy(&raw const parsed.tuple, &raw mut (*packet).tuple);
        volatile::copy(&raw const parsed.outer, &raw mut (*packet).outer);
        volatile::copy(&raw const scratch.original, &raw mut (*packet).original);
        volatile::copy(&raw const scratch.reply, &raw mut (*packet).reply);
        (*packet).flags = parsed.flags | bits;
        if let Some((value, echo)) = stamps {
            (*packet).tsval = value;
            (*packet).tsecr = echo;
            (*packet).flags |= PacketFlags::TIMESTAMPS;
        }
    }
    finish(event);
    entry.submit(wake_up(counts.add(counters::FATES)));
}
