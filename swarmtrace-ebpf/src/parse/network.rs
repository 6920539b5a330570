//! VLAN tags and the IP header with its extensions.

use super::cursor::Cursor;
use crate::bytes::Bytes;
use crate::headers::{ether_type, ipv4 as ipv4_header, ipv6 as ipv6_header};
use crate::parsed::Parsed;
use crate::volatile;
use network_types::ip::{Ipv4Hdr, Ipv6Hdr};
use swarmtrace_common::PacketFlags;

const VLAN_TAGS: u32 = 2;
const IPV6_EXTENSIONS: u32 = 4;

/// A header in memory whose fields can be read in words.
#[repr(C, align(8))]
struct Aligned<T>(T);

/// An IPv4 header without options and what follows it, for one call of a helper
/// instead of two.
#[repr(C, align(8))]
struct Plain {
    ip: Ipv4Hdr,
    next: [u32; 5],
}

/// VLAN tags and the IP header with its extensions.
#[inline(always)]
pub fn network(
    ctx: &impl Bytes,
    cursor: &mut Cursor,
    length: u32,
    parsed: &mut Parsed,
) -> Option<()> {
    for _ in 0..VLAN_TAGS {
        if cursor.ether_type != ether_type::VLAN && cursor.ether_type != ether_type::QINQ {
            break;
        }
        let [tag, ether_type] = ctx.load::<[u16; 2]>(cursor.at)?;
        if !parsed.flags.intersects(PacketFlags::VLAN) {
            parsed.flags |= PacketFlags::VLAN;
            parsed.vlan = u16::from_be(tag) & 0xfff;
        }
        cursor.ether_type = u16::from_be(ether_type);
        cursor.at += 4;
    }
    match cursor.ether_type {
        ether_type::IPV4 => ipv4(ctx, cursor, length, parsed),
        ether_type::IPV6 => ipv6(ctx, cursor, length, parsed),
        _ => None,
    }
}

#[inline(always)]
fn ipv4(ctx: &impl Bytes, cursor: &mut Cursor, length: u32, parsed: &mut Parsed) -> Option<()> {
    let (header, next, has_next) = match ctx.load::<Plain>(cursor.at) {
        Some(plain) => (plain.ip, plain.next, true),
        None => (ctx.load::<Aligned<Ipv4Hdr>>(cursor.at)?.0, [0; 5], false),
    };
    let header_length = u32::from(header.vihl & 0xf) * 4;
    let total = u32::from(u16::from_be_bytes(header.tot_len));
    if header.vihl >> 4 != 4
        || header_length < ipv4_header::LENGTH as u32
        || (total != 0 && total < header_length)
    {
        return None;
    }
    cursor.end = end(cursor.at, total, length, parsed);
    cursor.at += header_length;
    cursor.protocol = header.proto;
    cursor.next = next;
    cursor.has_next = has_next && header_length == ipv4_header::LENGTH as u32;
    volatile::map_ipv4(
        &raw mut parsed.tuple.src,
        u32::from_ne_bytes(header.src_addr),
    );
    volatile::map_ipv4(
        &raw mut parsed.tuple.dst,
        u32::from_ne_bytes(header.dst_addr),
    );
    set_protocol(parsed, header.proto);
    parsed.ip_id = u16::from_be_bytes(header.id);
    parsed.ttl = header.ttl;
    parsed.flags.remove(PacketFlags::IPV6);
    if u16::from_be_bytes(header.frags) & ipv4_header::FRAGMENT_OFFSET != 0 {
        parsed.flags |= PacketFlags::FRAGMENT;
    }
    Some(())
}

#[inline(always)]
fn ipv6(ctx: &impl Bytes, cursor: &mut Cursor, length: u32, parsed: &mut Parsed) -> Option<()> {
    let Aligned(header) = ctx.load::<Aligned<Ipv6Hdr>>(cursor.at)?;
    if header.vcf[0] >> 4 != 6 {
        return None;
    }
    let payload = u32::from(u16::from_be_bytes(header.payload_len));
    let total = if payload == 0 {
        0
    } else {
        payload + ipv6_header::LENGTH as u32
    };
    cursor.end = end(cursor.at, total, length, parsed);
    cursor.at += ipv6_header::LENGTH as u32;
    cursor.protocol = header.next_hdr;
    cursor.has_next = false;
    parsed.tuple.src = header.src_addr;
    parsed.tuple.dst = header.dst_addr;
    parsed.ip_id = 0;
    parsed.ttl = header.hop_limit;
    parsed.flags |= PacketFlags::IPV6;
    for _ in 0..IPV6_EXTENSIONS {
        // Hop-by-hop, routing, fragment, authentication, destination options.
        if !matches!(cursor.protocol, 0 | 43 | 44 | 51 | 60) {
            break;
        }
        let extension: [u8; 8] = ctx.load(cursor.at)?;
        let units = u32::from(extension[1]);
        match cursor.protocol {
            44 => {
                parsed.ip_id = u16::from_be_bytes([extension[6], extension[7]]);
                if u16::from_be_bytes([extension[2], extension[3]]) & 0xfff8 != 0 {
                    parsed.flags |= PacketFlags::FRAGMENT;
                }
                cursor.at += 8;
            }
            51 => cursor.at += units * 4 + 8,
            _ => cursor.at += units * 8 + 8,
        }
        cursor.protocol = extension[0];
        if parsed.flags.intersects(PacketFlags::FRAGMENT) {
            break;
        }
    }
    set_protocol(parsed, cursor.protocol);
    Some(())
}

/// Sets the tuple's protocol, no ports yet.
#[inline(always)]
fn set_protocol(parsed: &mut Parsed, protocol: u8) {
    parsed.tuple.src_port = 0;
    parsed.tuple.dst_port = 0;
    parsed.tuple.protocol = protocol;
}

/// Where an IP packet ends: at its own length, never behind the frame (except
/// for a quoted packet, which is cut short by nature). A super-packet of more
/// than 64 KiB says 0 and ends with the frame.
#[inline(always)]
fn end(at: u32, total: u32, length: u32, parsed: &Parsed) -> u32 {
    let end = at + total;
    if total == 0 || (end > length && !parsed.flags.intersects(PacketFlags::ICMP_ERROR)) {
        length
    } else {
        end
    }
}
