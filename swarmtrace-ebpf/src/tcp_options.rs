//! TCP options: only timestamps are read, and only of a packet that is
//! reported.

use crate::bytes::Bytes;
use crate::parsed::Parsed;

/// TCP's timestamps option (RFC 7323, section 3.2): value and echo reply.
#[inline(always)]
pub fn timestamps(ctx: &impl Bytes, parsed: &Parsed) -> Option<(u32, u32)> {
    let (start, length) = (parsed.options, parsed.options_length);
    if length < 10 {
        return None;
    }
    // Where Linux puts it: NOP NOP TS, and in a SYN after MSS and SACK-permitted.
    if length >= 16 {
        let [first, second, value, echo] = ctx.load::<[u32; 4]>(start)?;
        if first == u32::from_be(0x0101_080a) {
            return Some((u32::from_be(second), u32::from_be(value)));
        }
        let in_syn = u32::from_be(first) >> 16 == 0x0204 && second == u32::from_be(0x0402_080a);
        if in_syn {
            return Some((u32::from_be(value), u32::from_be(echo)));
        }
    } else if length >= 12 {
        let [first, value, echo] = ctx.load::<[u32; 3]>(start)?;
        if first == u32::from_be(0x0101_080a) {
            return Some((u32::from_be(value), u32::from_be(echo)));
        }
    }
    let mut at = 0;
    for _ in 0..20 {
        if at + 10 > length {
            return None;
        }
        let [kind, size] = ctx.load::<[u8; 2]>(start + at)?;
        if kind == 8 && size == 10 {
            return stamps(ctx, start + at + 2);
        }
        // A no-operation is one byte, any other option as long as it says. Told
        // apart by arithmetic: a branch that stays in the loop would double what
        // Linux 6.1's verifier has to look at in every turn.
        let nop = u32::from(kind ^ 1).wrapping_sub(1) >> 31;
        let step = nop | u32::from(size) & nop.wrapping_sub(1);
        if kind == 0 || step + nop < 2 {
            return None;
        }
        at += step;
    }
    None
}

#[inline(always)]
fn stamps(ctx: &impl Bytes, at: u32) -> Option<(u32, u32)> {
    let [value, echo] = ctx.load::<[u32; 2]>(at)?;
    Some((u32::from_be(value), u32::from_be(echo)))
}
