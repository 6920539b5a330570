//! Writes events into the ring buffer, and counts.
//!
//! Waking the reader costs more than everything else an event does, so a record
//! normally does not wake the reader: it polls every few milliseconds, and each CPU
//! wakes it only with every [`WAKE_EVERY`]th event, which matters in a burst.

use crate::parsed::Parsed;
use crate::{skb, tcp_options, volatile};
use aya_ebpf::Global;
use aya_ebpf::bindings::{BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{PerCpuArray, RingBuf};
use aya_ebpf::programs::TcContext;
use aya_log_ebpf::{debug, warn};
use swarmtrace_common::{Direction, EventKind, PacketEvent, PacketFlags, counters};

/// `include/uapi/linux/if_packet.h`: for another MAC than the device's own.
const PACKET_OTHERHOST: u32 = 3;

/// User space sets the size.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

#[map]
static COUNTERS: PerCpuArray<[u64; counters::COUNT as usize]> =
    PerCpuArray::with_max_entries(counters::DEPTHS, 0);

/// A CPU wakes the reader with every so many events: a power of two.
#[unsafe(no_mangle)]
static WAKE_EVERY: Global<u32> = Global::new(256);

/// This CPU's counters, those of one depth.
pub struct Counts(*mut [u64; counters::COUNT as usize]);

impl Counts {
    /// Looks the map up; always there. Programs that may interrupt each other
    /// count at different depths: at a tap none may, that is depth 0.
    #[inline(always)]
    pub fn get(depth: u32) -> Option<Self> {
        COUNTERS.get_ptr_mut(depth).map(Self)
    }

    /// Counts one, and returns how many that makes.
    #[inline(always)]
    pub fn add(&self, counter: u32) -> u64 {
        // SAFETY: the map entry lives while the program runs, and no other
        // program counts at this depth on this CPU meanwhile.
        unsafe {
            let count = &mut (*self.0)[counter as usize];
            *count += 1;
            *count
        }
    }
}

/// How a record is to be submitted, after so many on this CPU.
#[inline(always)]
pub fn wake_up(count: u64) -> u64 {
    let wake = count & (u64::from(WAKE_EVERY.load()) - 1) == 0;
    u64::from(if wake {
        BPF_RB_FORCE_WAKEUP
    } else {
        BPF_RB_NO_WAKEUP
    })
}

/// Reports a packet.
#[inline(always)]
pub fn report(ctx: &TcContext, direction: Direction, parsed: &Parsed, counts: &Counts) {
    let stamps = if parsed.options_length > 0 {
        tcp_options::timestamps(ctx, parsed)
    } else {
        None
    };
    let Some(mut entry) = EVENTS.reserve::<PacketEvent>(0) else {
        counts.add(counters::LOST);
        warn!(ctx, "the ring buffer is full: an event was lost");
        return;
    };
    fill(ctx, direction, parsed, stamps, entry.as_mut_ptr());
    let reported = counts.add(counters::REPORTED);
    entry.submit(wake_up(reported));
    debug!(
        ctx,
        "port {} to {}, protocol {}, flags {:x}",
        parsed.tuple.src_port,
        parsed.tuple.dst_port,
        parsed.tuple.protocol,
        parsed.flags.bits()
    );
}

/// Writes every byte of an event.
#[inline(always)]
fn fill(
    ctx: &TcContext,
    direction: Direction,
    parsed: &Parsed,
    stamps: Option<(u32, u32)>,
    event: *mut PacketEvent,
) {
    // SAFETY: the context is the program's argument; the event is reserved and
    // ours alone until it is submitted, and each of its fields is written.
    unsafe {
        let skb = &*ctx.skb.skb;
        let head = skb::Head::of(ctx.skb.skb as u64);
        (*event).time = bpf_ktime_get_ns();
        (*event).skb = ctx.skb.skb as u64;
        (*event).netns = head.netns();
        (*event).ifindex = skb.ifindex;
        (*event).mark = skb.mark;
        (*event).hash = skb.hash;
        (*event).length = skb.len;
        (*event).seq = parsed.seq;
        (*event).ack = parsed.ack;
        (*event).vni = parsed.vni;
        (*event).payload_length = parsed.payload_length;
        (*event).payload_tag = parsed.payload_tag;
        (*event).ip_id = parsed.ip_id;
        (*event).gso_size = skb.gso_size as u16;
        (*event).gso_segs = skb.gso_segs as u16;
        (*event).vlan = parsed.vlan;
        (*event).kind = EventKind::Packet as u8;
        (*event).direction = direction as u8;
        (*event).tcp_flags = parsed.tcp_flags;
        (*event).ttl = parsed.ttl;
        (*event).padding = [0; 2];
        volatile::copy(&raw const parsed.tuple, &raw mut (*event).tuple);
        volatile::copy(&raw const parsed.outer, &raw mut (*event).outer);
        volatile::zero(&raw mut (*event).original);
        volatile::zero(&raw mut (*event).reply);
        let mut bits = parsed.flags;
        if direction as u8 == Direction::Ingress as u8 && skb.pkt_type == PACKET_OTHERHOST {
            bits |= PacketFlags::OTHER_HOST;
        }
        if let Some((value, echo)) = stamps {
            (*event).tsval = value;
            (*event).tsecr = echo;
            bits |= PacketFlags::TIMESTAMPS;
        } else {
            (*event).tsval = 0;
            (*event).tsecr = 0;
        }
        let (original, reply) = (&raw mut (*event).original, &raw mut (*event).reply);
        if let Some(is_reply) = head.conntrack(original, reply) {
            bits |= PacketFlags::CONNTRACK;
            if is_reply {
                bits |= PacketFlags::CONNTRACK_REPLY;
            }
        }
        (*event).flags = bits;
    }
}
