//! The full parser: any mixture of VLAN tags, IPv4, IPv6 with its extension
//! headers, TCP, UDP, SCTP, ESP, ICMP errors with the packet they quote, and
//! VXLAN with the frame inside.
//!
//! At a tap, headers are copied out with `bpf_skb_load_bytes`, which serves linear
//! and non-linear data alike and fails, rather than reads on, at the packet's end.
//! A packet is a few layers of IP: each layer either ends the parse or leads to
//! the next (the inner frame, the quoted packet).

use crate::words;
use aya_ebpf::helpers::generated::bpf_skb_load_bytes;
use aya_ebpf::programs::TcContext;
use core::mem::MaybeUninit;
use network_types::ip::{Ipv4Hdr, Ipv6Hdr};
use swarmtrace_common::{Tuple, flags};

pub const ETH_IPV4: u16 = 0x0800;
pub const ETH_IPV6: u16 = 0x86dd;
pub const ETH_VLAN: u16 = 0x8100;
pub const ETH_QINQ: u16 = 0x88a8;
pub const ICMP: u8 = 1;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const ESP: u8 = 50;
pub const ICMP6: u8 = 58;
pub const SCTP: u8 = 132;

/// An IP packet, the packet in its VXLAN datagram or ICMP error, and one more.
const LAYERS: u32 = 3;
const VLAN_TAGS: u32 = 2;
const IPV6_EXTENSIONS: u32 = 4;

/// What the headers of a packet say.
#[repr(C, align(8))]
pub struct Parsed {
    pub tuple: Tuple,
    pub outer: Tuple,
    pub seq: u32,
    pub ack: u32,
    pub vni: u32,
    pub payload_length: u32,
    pub payload_tag: u32,
    /// Where the TCP options begin, in bytes from the frame's start.
    pub options: u32,
    pub options_length: u32,
    pub ip_id: u16,
    pub vlan: u16,
    pub flags: u16,
    pub tcp_flags: u8,
    pub ttl: u8,
    pub padding: u32,
}

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

/// Where the parse stands.
struct Cursor {
    /// Next header, in bytes from the frame's start.
    at: u32,
    /// EtherType of the next header.
    ether_type: u16,
    /// Where the IP packet ends by its own account.
    end: u32,
    /// The next header's IP protocol.
    protocol: u8,
    /// The 20 bytes that the next header is in, where they came with the IP header.
    /// (No `Option`: its copy would read what was never written, which verifiers
    /// before 6.3 refuse.)
    next: [u32; 5],
    has_next: bool,
}

/// Where a packet's headers are copied from.
pub trait Bytes {
    /// Copies a header of integers alone out of the packet, or `None` where the
    /// packet ends before it.
    fn load<T>(&self, at: u32) -> Option<T>;

    /// The same, or zeros where the packet ends before. Without a branch:
    /// what the compiler does with an `Option` that is used at once reads a register
    /// or a place on the stack that was never written, and verifiers before 6.3
    /// refuse that.
    fn load_or_zero<T>(&self, at: u32) -> T;
}

impl Bytes for TcContext {
    #[inline(always)]
    fn load<T>(&self, at: u32) -> Option<T> {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the helper writes `size_of::<T>()` bytes or fails; every `T`
        // here is made of integers alone.
        unsafe {
            let size = size_of::<T>() as u32;
            if bpf_skb_load_bytes(self.skb.skb.cast(), at, value.as_mut_ptr().cast(), size) != 0 {
                return None;
            }
            Some(value.assume_init())
        }
    }

    #[inline(always)]
    fn load_or_zero<T>(&self, at: u32) -> T {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the helper writes `size_of::<T>()` bytes, zeros if it fails
        // (net/core/filter.c, `bpf_skb_load_bytes`); every `T` here is an integer.
        unsafe {
            let size = size_of::<T>() as u32;
            bpf_skb_load_bytes(self.skb.skb.cast(), at, value.as_mut_ptr().cast(), size);
            value.assume_init()
        }
    }
}

/// Parses the packet at a tap, whose IP header, or a VLAN tag before it, is
/// `link_header` bytes into the frame. `None`: not IP, or cut short.
#[inline(always)]
pub fn parse(
    ctx: &TcContext,
    link_header: u32,
    vxlan_port: u16,
    parsed: &mut Parsed,
) -> Option<()> {
    // SAFETY: the context is the program's argument, valid while it runs.
    let skb = unsafe { &*ctx.skb.skb };
    if skb.vlan_present != 0 {
        parsed.flags |= flags::VLAN;
        parsed.vlan = skb.vlan_tci as u16 & 0xfff;
    }
    let ether_type = u16::from_be(skb.protocol as u16);
    parse_from(ctx, link_header, ether_type, skb.len, vxlan_port, parsed)
}

/// Parses a packet of `length` bytes whose header of `ether_type` begins at `at`.
/// `None`: not IP, or cut short.
#[inline(always)]
pub fn parse_from(
    ctx: &impl Bytes,
    at: u32,
    ether_type: u16,
    length: u32,
    vxlan_port: u16,
    parsed: &mut Parsed,
) -> Option<()> {
    let mut cursor = Cursor {
        at,
        ether_type,
        end: length,
        protocol: 0,
        next: [0; 5],
        has_next: false,
    };
    for _ in 0..LAYERS {
        network(ctx, &mut cursor, length, parsed)?;
        if parsed.flags & flags::FRAGMENT != 0 {
            return Some(());
        }
        if !transport(ctx, &mut cursor, vxlan_port, parsed)? {
            return Some(());
        }
    }
    None
}

/// VLAN tags and the IP header with its extensions.
#[inline(always)]
fn network(ctx: &impl Bytes, cursor: &mut Cursor, length: u32, parsed: &mut Parsed) -> Option<()> {
    for _ in 0..VLAN_TAGS {
        if cursor.ether_type != ETH_VLAN && cursor.ether_type != ETH_QINQ {
            break;
        }
        let [tag, ether_type] = ctx.load::<[u16; 2]>(cursor.at)?;
        if parsed.flags & flags::VLAN == 0 {
            parsed.flags |= flags::VLAN;
            parsed.vlan = u16::from_be(tag) & 0xfff;
        }
        cursor.ether_type = u16::from_be(ether_type);
        cursor.at += 4;
    }
    match cursor.ether_type {
        ETH_IPV4 => ipv4(ctx, cursor, length, parsed),
        ETH_IPV6 => ipv6(ctx, cursor, length, parsed),
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
    if header.vihl >> 4 != 4 || header_length < 20 || (total != 0 && total < header_length) {
        return None;
    }
    cursor.end = end(cursor.at, total, length, parsed);
    cursor.at += header_length;
    cursor.protocol = header.proto;
    cursor.next = next;
    cursor.has_next = has_next && header_length == 20;
    words::map_ipv4(
        &raw mut parsed.tuple.src,
        u32::from_ne_bytes(header.src_addr),
    );
    words::map_ipv4(
        &raw mut parsed.tuple.dst,
        u32::from_ne_bytes(header.dst_addr),
    );
    set_protocol(parsed, header.proto);
    parsed.ip_id = u16::from_be_bytes(header.id);
    parsed.ttl = header.ttl;
    parsed.flags &= !flags::IPV6;
    if u16::from_be_bytes(header.frags) & 0x1fff != 0 {
        parsed.flags |= flags::FRAGMENT;
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
    let total = if payload == 0 { 0 } else { payload + 40 };
    cursor.end = end(cursor.at, total, length, parsed);
    cursor.at += 40;
    cursor.protocol = header.next_hdr;
    cursor.has_next = false;
    parsed.tuple.src = header.src_addr;
    parsed.tuple.dst = header.dst_addr;
    parsed.ip_id = 0;
    parsed.ttl = header.hop_limit;
    parsed.flags |= flags::IPV6;
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
                    parsed.flags |= flags::FRAGMENT;
                }
                cursor.at += 8;
            }
            51 => cursor.at += units * 4 + 8,
            _ => cursor.at += units * 8 + 8,
        }
        cursor.protocol = extension[0];
        if parsed.flags & flags::FRAGMENT != 0 {
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
    if total == 0 || (end > length && parsed.flags & flags::ICMP_ERROR == 0) {
        length
    } else {
        end
    }
}

/// The header after IP. `true`: another layer follows, the cursor is at it.
#[inline(always)]
fn transport(
    ctx: &impl Bytes,
    cursor: &mut Cursor,
    vxlan_port: u16,
    parsed: &mut Parsed,
) -> Option<bool> {
    let quoted = parsed.flags & flags::ICMP_ERROR != 0;
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
            payload(ctx, at + 8, cursor.end, parsed);
            let seen = flags::VXLAN | flags::QUOTED_VXLAN;
            if parsed.tuple.dst_port == vxlan_port && parsed.flags & seen == 0 {
                return Some(vxlan(ctx, cursor, quoted, parsed));
            }
        }
        SCTP => {
            let [src, dst] = ctx.load::<[u16; 2]>(at)?;
            parsed.tuple.src_port = u16::from_be(src);
            parsed.tuple.dst_port = u16::from_be(dst);
            payload(ctx, at + 12, cursor.end, parsed);
        }
        ESP => {
            let [index, number] = ctx.load::<[u32; 2]>(at)?;
            parsed.ack = u32::from_be(index);
            parsed.seq = u32::from_be(number);
            parsed.flags |= flags::ESP;
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
                words::copy(&raw const parsed.tuple, &raw mut parsed.outer);
                parsed.outer.src_port = u16::from(kind);
                parsed.outer.dst_port = u16::from(code);
                parsed.flags |= flags::ICMP_ERROR;
                cursor.at = at + 8;
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
    parsed.seq = u32::from_be(header[1]);
    parsed.ack = u32::from_be(header[2]);
    let word = u32::from_be(header[3]);
    // FIN to ACK, and urgent: the bits that `flags::tcp` may name.
    parsed.tcp_flags = (word >> 16) as u8;
    let header_length = (word >> 28) * 4;
    if header_length < 20 {
        return None;
    }
    parsed.options = at + 20;
    parsed.options_length = header_length - 20;
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
    // VXLAN header and the inner frame's Ethernet header.
    let Some(header) = ctx.load::<[u16; 11]>(cursor.at + 8) else {
        return false;
    };
    if u16::from_be(header[0]) & 0x0800 == 0 {
        return false;
    }
    if quoted {
        parsed.flags |= flags::QUOTED_VXLAN;
    } else {
        parsed.flags |= flags::VXLAN;
        words::copy(&raw const parsed.tuple, &raw mut parsed.outer);
    }
    parsed.vni = u32::from(u16::from_be(header[2])) << 8 | u32::from(u16::from_be(header[3]) >> 8);
    parsed.payload_tag = 0;
    parsed.payload_length = 0;
    cursor.at += 8 + 22;
    cursor.ether_type = u16::from_be(header[10]);
    true
}

const _: () = assert!(size_of::<Ipv4Hdr>() == 20);
const _: () = assert!(size_of::<Ipv6Hdr>() == 40);
const _: () = assert!(size_of::<Parsed>() == 120);
