//! `skb:kfree_skb`: a packet that the kernel drops.

use super::device::Device;
use super::offsets::kernel;
use super::record::report;
use super::scratch::Scratch;
use super::sk_buff::SkBuff;
use crate::filter::Filter;
use aya_ebpf::programs::RawTracePointContext;
use swarmtrace_common::{EventKind, NO_REASON, PacketFlags};

/// `skb:kfree_skb`
#[inline(always)]
pub fn dropped(ctx: &RawTracePointContext) -> Option<()> {
    let args = kernel!(drop_args);
    let mut reason = NO_REASON;
    if args > 2 {
        reason = ctx.arg(2);
        let harmless = [
            kernel!(not_dropped),
            kernel!(consumed),
            kernel!(reset_taken),
            kernel!(unread),
        ];
        if harmless.contains(&reason) {
            return None;
        }
        if reason == kernel!(unspecified) {
            reason = NO_REASON;
        }
    }
    let (skb, location): (u64, u64) = (ctx.arg(0), ctx.arg(1));
    let buffer = SkBuff::of(skb)?;
    let filter = Filter::get()?;
    if buffer.rejected(&filter) {
        return None;
    }
    let (scratch, counts) = Scratch::enter()?;
    let mut bits = PacketFlags::empty();
    if buffer.selected(&filter, scratch, &mut bits) {
        let socket = if args > 3 { ctx.arg(3) } else { 0 };
        report(
            &counts,
            &buffer,
            scratch,
            bits,
            Device::of(skb, socket),
            |event| {
                // SAFETY: reserved, and ours alone.
                unsafe {
                    (*event).packet.kind = EventKind::Drop as u8;
                    (*event).location = location;
                    (*event).reason = reason;
                }
            },
        );
    }
    scratch.leave();
    Some(())
}
