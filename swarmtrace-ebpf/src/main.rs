//! swarmtrace's kernel side: one tc program for each direction and kind of
//! device, all of them the same few steps, and two on tracepoints for what becomes
//! of packets.
//!
//! A tc program never changes a packet and always returns `TC_ACT_UNSPEC`, so that
//! every other program on the same hook still runs. One loaded object serves
//! every network namespace: where a packet was seen is read from the packet's
//! own `sk_buff`.
#![no_std]
#![no_main]
#![expect(missing_docs, reason = "aya's macro leaves the doc comments out")]

mod bytes;
mod emit;
mod fate;
mod filter;
mod flows;
mod headers;
mod parse;
mod parsed;
mod prefilter;
mod scratch;
mod skb;
mod tcp_options;
mod volatile;

use aya_ebpf::bindings::TC_ACT_UNSPEC;
use aya_ebpf::macros::{classifier, raw_tracepoint};
use aya_ebpf::programs::{RawTracePointContext, TcContext};
use scratch::Scratch;
use swarmtrace_common::{Direction, counters};

/// Bytes before the IP header on a device with Ethernet frames.
const ETHERNET: u32 = headers::ethernet::LENGTH as u32;
/// The same on a device without a link layer (tun, WireGuard).
const NONE: u32 = 0;

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
    trace(ctx, link_header, direction);
    TC_ACT_UNSPEC
}

/// Reports a packet that the filter selects; `None`: it does not.
#[inline(always)]
fn trace(ctx: &TcContext, link_header: u32, direction: Direction) -> Option<()> {
    let counts = emit::Counts::get(0)?;
    counts.add(counters::SEEN);
    let filter = filter::Filter::get()?;
    if prefilter::rejects(ctx, link_header, &filter) {
        return None;
    }
    let Scratch { parsed, endpoint } = Scratch::get()?;
    volatile::zero(parsed);
    parse::parse(ctx, link_header, filter.settings.vxlan_port, parsed)?;
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
