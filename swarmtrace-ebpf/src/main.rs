//! swarmtrace's kernel side: one tc program for each direction and kind of
//! device, all of them the same few steps, and two on tracepoints for what becomes
//! of packets.
//!
//! A tc program never changes a packet and always returns `TC_ACT_UNSPEC`, so that
//! every other program on the same hook still runs. One loaded object serves
//! every network namespace: where a packet was seen is read from the packet's
//! own sk_buff.
#![no_std]
#![no_main]
#![expect(missing_docs, reason = "aya's macro leaves the doc comments out")]

mod emit;
mod fate;
mod filter;
mod flows;
mod options;
mod packet;
mod quick;
mod skb;
mod words;

use aya_ebpf::bindings::TC_ACT_UNSPEC;
use aya_ebpf::macros::{classifier, map, raw_tracepoint};
use aya_ebpf::maps::PerCpuArray;
use aya_ebpf::programs::{RawTracePointContext, TcContext};
use swarmtrace_common::{Direction, Endpoint, counters};

/// Bytes before the IP header on a device with Ethernet frames.
const ETHERNET: u32 = 14;
/// The same on a device without a link layer (tun, WireGuard).
const NONE: u32 = 0;

// The kernel keeps 15 characters of a program's name.

/// Working memory, which would not fit on the 512 bytes of stack.
#[repr(C)]
struct Scratch {
    parsed: packet::Parsed,
    endpoint: Endpoint,
}

#[map]
static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// Ingress of an Ethernet device.
#[classifier]
pub fn swarmtrace_in(ctx: TcContext) -> i32 {
    observe(&ctx, ETHERNET, Direction::Ingress)
}

/// Egress of an Ethernet device.
#[classifier]
pub fn swarmtrace_out(ctx: TcContext) -> i32 {
    observe(&ctx, ETHERNET, Direction::Egress)
}

/// Ingress of a device without a link layer.
#[classifier]
pub fn swarmtrace_in3(ctx: TcContext) -> i32 {
    observe(&ctx, NONE, Direction::Ingress)
}

/// Egress of a device without a link layer.
#[classifier]
pub fn swarmtrace_out3(ctx: TcContext) -> i32 {
    observe(&ctx, NONE, Direction::Egress)
}

/// Every packet that the kernel drops.
#[raw_tracepoint(tracepoint = "kfree_skb")]
pub fn swarmtrace_drop(ctx: RawTracePointContext) -> i32 {
    fate::dropped(&ctx);
    0
}

/// Every TCP reset that the kernel sends.
#[raw_tracepoint(tracepoint = "tcp_send_reset")]
pub fn swarmtrace_rst(ctx: RawTracePointContext) -> i32 {
    fate::reset_sent(&ctx);
    0
}

/// Does nothing: what the benchmark compares the others with.
#[classifier]
pub fn swarmtrace_nop(_ctx: TcContext) -> i32 {
    TC_ACT_UNSPEC
}

#[inline(always)]
fn observe(ctx: &TcContext, link_header: u32, direction: Direction) -> i32 {
    look(ctx, link_header, direction);
    TC_ACT_UNSPEC
}

/// Looks at a packet; `None` where it is of no interest.
#[inline(always)]
fn look(ctx: &TcContext, link_header: u32, direction: Direction) -> Option<()> {
    let counts = emit::Counts::get(0)?;
    counts.add(counters::SEEN);
    let filter = filter::Filter::get()?;
    if quick::uninteresting(ctx, link_header, &filter) {
        return None;
    }
    // SAFETY: the map entry lives while the program runs, and no other program
    // runs on this CPU meanwhile.
    let Scratch { parsed, endpoint } = unsafe { &mut *SCRATCH.get_ptr_mut(0)? };
    words::zero(parsed);
    packet::parse(ctx, link_header, filter.settings.vxlan_port, parsed)?;
    if filter.excludes(parsed) || !filter.matches(parsed, endpoint) {
        return None;
    }
    counts.add(counters::MATCHED);
    if !filter.reports(ctx, direction, parsed) {
        return None;
    }
    emit::report(ctx, direction, parsed, &counts);
    Some(())
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    loop {}
}

// `bpf_probe_read_kernel` is for GPL-compatible programs.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
