//! Writes events into the ring buffer, and counts.
//!
//! Waking the reader costs more than everything else an event does, so a record
//! is normally added in silence: the reader looks every few milliseconds by
//! itself, and is woken only each time another [`WAKE_BYTES`] have piled up.

use crate::packet::{self, Parsed};
use crate::skb;
use aya_ebpf::Global;
use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{PerCpuArray, RingBuf};
use aya_ebpf::programs::TcContext;
use aya_log_ebpf::{debug, warn};
use swarmtrace_common::{Direction, EventKind, PacketEvent, Tuple, counters, flags};

/// User space sets the size.
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

#[map]
static COUNTERS: PerCpuArray<[u64; counters::COUNT as usize]> = PerCpuArray::with_max_entries(1, 0);

/// Pending bytes at whose multiples the reader is woken: a power of two.
#[unsafe(no_mangle)]
static WAKE_BYTES: Global<u32> = Global::new(1 << 16);

/// What an event takes in the ring buffer: itself and a header.
const RECORD: u64 = size_of::<PacketEvent>() as u64 + 8;

/// This CPU's counters.
pub struct Counts(*mut [u64; counters::COUNT as usize]);

impl Counts {
    /// Looks the map up; always there.
    #[inline(always)]
    pub fn get() -> Option<Self> {
        COUNTERS.get_ptr_mut(0).map(Self)
    }

    /// Counts one.
    #[inline(always)]
    pub fn add(&self, counter: u32) {
        // SAFETY: the map entry lives while the program runs, and no other
        // program runs on this CPU meanwhile.
        unsafe { (*self.0)[counter as usize] += 1 };
    }
}

/// Reports a packet.
#[inline(always)]
pub fn report(ctx: &TcContext, direction: Direction, parsed: &Parsed, counts: &Counts) {
    let stamps = if parsed.options_length > 0 {
        packet::timestamps(ctx, parsed)
    } else {
        None
    };
    let pending = EVENTS.query(u64::from(BPF_RB_AVAIL_DATA));
    let Some(mut entry) = EVENTS.reserve::<PacketEvent>(0) else {
        counts.add(counters::LOST);
        warn!(ctx, "the ring buffer is full: an event was lost");
        return;
    };
    fill(ctx, direction, parsed, stamps, entry.as_mut_ptr());
    let step = u64::from(WAKE_BYTES.load());
    let wake = pending >= step && pending & (step - 1) < RECORD;
    entry.submit(u64::from(if wake {
        BPF_RB_FORCE_WAKEUP
    } else {
        BPF_RB_NO_WAKEUP
    }));
    counts.add(counters::REPORTED);
    debug!(
        ctx,
        "port {} to {}, protocol {}, flags {:x}",
        parsed.tuple.src_port,
        parsed.tuple.dst_port,
        parsed.tuple.protocol,
        parsed.flags
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
        (*event).time = bpf_ktime_get_ns();
        (*event).skb = ctx.skb.skb as u64;
        (*event).netns = skb::netns(ctx);
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
        (*event).tuple = parsed.tuple;
        (*event).outer = parsed.outer;
        (*event).original = Tuple::default();
        (*event).reply = Tuple::default();
        let mut bits = parsed.flags;
        if let Some((value, echo)) = stamps {
            (*event).tsval = value;
            (*event).tsecr = echo;
            bits |= flags::TIMESTAMPS;
        } else {
            (*event).tsval = 0;
            (*event).tsecr = 0;
        }
        let (original, reply) = (&raw mut (*event).original, &raw mut (*event).reply);
        if let Some(is_reply) = skb::conntrack(ctx, original, reply) {
            bits |= flags::CONNTRACK;
            if is_reply {
                bits |= flags::CONNTRACK_REPLY;
            }
        }
        (*event).flags = bits;
    }
}
