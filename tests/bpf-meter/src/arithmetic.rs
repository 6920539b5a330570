//! What operations make of their operands, and jumps of what they compare. The
//! machine's own tests have each of them.

use aya_obj::generated as bpf;

/// The result of an operation of two operands; `wide`: in 64 bits.
pub fn computed(operation: u32, first: u64, second: u64, wide: bool) -> Option<u64> {
    let narrow = |value: u64| if wide { value } else { value & 0xffff_ffff };
    let (a, b) = (narrow(first), narrow(second));
    let shift = (b & if wide { 63 } else { 31 }) as u32;
    let result = match operation {
        bpf::BPF_ADD => a.wrapping_add(b),
        bpf::BPF_SUB => a.wrapping_sub(b),
        bpf::BPF_MUL => a.wrapping_mul(b),
        bpf::BPF_DIV => a.checked_div(b).unwrap_or(0),
        bpf::BPF_MOD => a.checked_rem(b).unwrap_or(a),
        bpf::BPF_OR => a | b,
        bpf::BPF_AND => a & b,
        bpf::BPF_XOR => a ^ b,
        bpf::BPF_LSH => a << shift,
        bpf::BPF_RSH => a >> shift,
        bpf::BPF_ARSH if wide => (a as i64 >> shift) as u64,
        bpf::BPF_ARSH => (a as i32 >> shift) as u64,
        bpf::BPF_NEG => a.wrapping_neg(),
        bpf::BPF_MOV => b,
        _ => return None,
    };
    Some(narrow(result))
}

/// To or from the byte order of the network.
pub fn swapped(code: u8, bits: i32, value: u64) -> Option<u64> {
    let to_big = u32::from(code) & bpf::BPF_X == bpf::BPF_TO_BE;
    Some(match (bits, to_big) {
        (16, true) => (value as u16).to_be().into(),
        (16, false) => (value as u16).to_le().into(),
        (32, true) => (value as u32).to_be().into(),
        (32, false) => (value as u32).to_le().into(),
        (64, true) => value.to_be(),
        (64, false) => value.to_le(),
        _ => return None,
    })
}

/// Whether a jump is taken; `wide`: by all 64 bits.
pub fn compared(operation: u32, first: u64, second: u64, wide: bool) -> Option<bool> {
    let (a, b) = if wide {
        (first, second)
    } else {
        (first & 0xffff_ffff, second & 0xffff_ffff)
    };
    let signed = |value: u64| {
        if wide {
            value as i64
        } else {
            i64::from(value as i32)
        }
    };
    Some(match operation {
        bpf::BPF_JA if wide => true,
        bpf::BPF_JEQ => a == b,
        bpf::BPF_JNE => a != b,
        bpf::BPF_JSET => a & b != 0,
        bpf::BPF_JGT => a > b,
        bpf::BPF_JGE => a >= b,
        bpf::BPF_JLT => a < b,
        bpf::BPF_JLE => a <= b,
        bpf::BPF_JSGT => signed(a) > signed(b),
        bpf::BPF_JSGE => signed(a) >= signed(b),
        bpf::BPF_JSLT => signed(a) < signed(b),
        bpf::BPF_JSLE => signed(a) <= signed(b),
        _ => return None,
    })
}
