//! The header after IP, and what it leads to: TCP, UDP, SCTP, ESP, ICMP errors and
//! the packet they quote, VXLAN and the frame inside.

use super::cursor::Cursor;
use crate::bytes::Bytes;
use crate::headers::protocol::{ESP, ICMP, ICMP6, SCTP, TCP, UDP};
use crate::headers::{ethernet, icmp, sctp, shift_of, tcp, udp, vxlan as vxlan_header};
use crate::parsed::Parsed;
use crate::volatile;
use swarmtrace_common::{PacketFlags, TcpFlags};

/// The VXLAN header and the inner frame's Ethernet header.
const AROUND_FRAME: usize = vxlan_header::LENGTH + ethernet::LENGTH;

/// The header after IP. `true`: another layer follows, the cursor is at it.
#[inline(always)]
pub fn transport(
    ctx: &impl Bytes,
    cursor: &mut Cursor,
    vxlan_port: u16,
    parsed: &mut Parsed,
) -> Option<bool> {
    let quoted = parsed.flags.intersects(PacketFlags::ICMP_ERROR);
    let at = cursor.at;
    match cursor.protocol {
        TCP => segment(ctx, cursor, quoted, parsed)?,
        UDP => {
            let ports = if cursor.has_next {
                cursor.next[0]
            } else {
                // The whole header has to be there.
                ctx.load::<[u32; 2]>(at)?[0]
            };
            set_ports(parsed, ports);
            payload(ctx, at + udp::LENGTH as u32, cursor.end, parsed);
            let seen = PacketFlags::VXLAN | PacketFlags::QUOTED_VXLAN;
            if parsed.tuple.dst_port == vxlan_port && !parsed.flags.intersects(seen) {
                return Some(vxlan(ctx, cursor, quoted, parsed));
            }
        }
        SCTP => {
            let [src, dst] = ctx.load::<[u16; 2]>(at)?;
            parsed.tuple.src_port = u16::from_be(src);
            parsed.tuple.dst_port = u16::from_be(dst);
            payload(ctx, at + sctp::LENGTH as u32, cursor.end, parsed);
        }
        ESP => {
            let [index, number] = ctx.load::<[u32; 2]>(at)?;
            parsed.ack = u32::from_be(index);
            parsed.seq = u32::from_be(number);
            parsed.flags |= PacketFlags::ESP;
        }
        ICMP | ICMP6 => {
            let [kind, code] = ctx.load::<[u8; 2]>(at)?;
            // Unreachable, source quench, redirect, time exceeded, parameter
            // problem; ICMPv6 numbers its errors 1 to 4.
            let error = if cursor.protocol == ICMP {
                matches!(kind, 3 | 4 | 5 | 11 | 12)
            } else {
                matches!(kind, 1..=4)
            };
            if error && !quoted {
                volatile::copy(&raw const parsed.tuple, &raw mut parsed.outer);
                parsed.outer.src_port = u16::from(kind);
                parsed.outer.dst_port = u16::from(code);
                parsed.flags |= PacketFlags::ICMP_ERROR;
                cursor.at = at + icmp::LENGTH as u32;
                return Some(true);
            }
        }
        _ => {}
    }
    Some(false)
}

#[inline(always)]
fn segment(ctx: &impl Bytes, cursor: &Cursor, quoted: bool, parsed: &mut Parsed) -> Option<()> {
    let (at, end) = (cursor.at, cursor.end);
    let header = if cursor.has_next {
        cursor.next
    } else if let Some(header) = ctx.load::<[u32; 5]>(at) {
        header
    } else {
        if quoted {
            // An ICMP error must quote only 8 bytes: ports and sequence number.
            let [ports, seq] = ctx.load::<[u32; 2]>(at)?;
            set_ports(parsed, ports);
            parsed.seq = u32::from_be(seq);
            return Some(());
        }
        return None;
    };
    set_ports(parsed, header[0]);
    parsed.seq = u32::from_be(header[tcp::SEQUENCE / 4]);
    parsed.ack = u32::from_be(header[tcp::ACKNOWLEDGMENT / 4]);
    let word = u32::from_be(header[tcp::DATA_OFFSET / 4]);
    parsed.tcp_flags = TcpFlags::from_bits_retain((word >> shift_of(tcp::FLAGS)) as u8);
    let header_length = (word >> (shift_of(tcp::DATA_OFFSET) + 4)) * 4;
    if header_length < tcp::LENGTH as u32 {
        return None;
    }
    parsed.options = at + tcp::LENGTH as u32;
    parsed.options_length = header_length - tcp::LENGTH as u32;
    parsed.payload_length = end.saturating_sub(at + header_length);
    Some(())
}

#[inline(always)]
fn set_ports(parsed: &mut Parsed, ports: u32) {
    let ports = u32::from_be(ports);
    parsed.tuple.src_port = (ports >> 16) as u16;
    parsed.tuple.dst_port = ports as u16;
}

/// Length and tag of a datagram's payload.
#[inline(always)]
fn payload(ctx: &impl Bytes, at: u32, end: u32, parsed: &mut Parsed) {
    parsed.payload_length = end.saturating_sub(at);
    parsed.payload_tag = match parsed.payload_length {
        0 => 0,
        8.. => mix(ctx.load_or_zero(at)),
        // Few datagrams are this short: two, four and one byte at a time.
        short => {
            let mut first = u64::from(short);
            for i in 0..7 {
                if i < short {
                    first = first << 8 | u64::from(ctx.load_or_zero::<u8>(at + i));
                }
            }
            mix(first)
        }
    };
}

#[inline(always)]
fn mix(first: u64) -> u32 {
    (first.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

/// A VXLAN datagram (RFC 7348, section 5): goes on with the frame inside.
#[inline(always)]
fn vxlan(ctx: &impl Bytes, cursor: &mut Cursor, quoted: bool, parsed: &mut Parsed) -> bool {
    let Some(header) = ctx.load::<[u16; AROUND_FRAME / 2]>(cursor.at + udp::LENGTH as u32) else {
        return false;
    };
    if u16::from_be(header[0]) & vxlan_header::HAS_VNI == 0 {
        return false;
    }
    if quoted {
        parsed.flags |= PacketFlags::QUOTED_VXLAN;
    } else {
        parsed.flags |= PacketFlags::VXLAN;
        volatile::copy(&raw const parsed.tuple, &raw mut parsed.outer);
    }
    parsed.vni = u32::from(u16::from_be(header[2])) << 8 | u32::from(u16::from_be(header[3]) >> 8);
    parsed.payload_tag = 0;
    parsed.payload_length = 0;
    cursor.at += (udp::LENGTH + AROUND_FRAME) as u32;
    cursor.ether_type = u16::from_be(header[(vxlan_header::LENGTH + ethernet::TYPE) / 2]);
    true
}
