//! The full parser: any mixture of VLAN tags, IPv4, IPv6 with its extension
//! headers, TCP, UDP, SCTP, ESP, ICMP errors with the packet they quote, and
//! VXLAN with the frame inside.
//!
//! At a tap, headers are copied out with `bpf_skb_load_bytes`, which serves linear
//! and non-linear data alike and fails, rather than reads on, at the packet's end.
//! A packet is a few layers of IP: each layer either ends the parse or leads to
//! the next (the inner frame, the quoted packet).

mod cursor;
mod network;
mod transport;

use crate::bytes::Bytes;
use crate::parsed::Parsed;
use aya_ebpf::programs::TcContext;
use cursor::Cursor;
use network::network;
use swarmtrace_common::PacketFlags;
use transport::transport;

/// An IP packet, the packet in its VXLAN datagram or ICMP error, and one more.
const LAYERS: u32 = 3;

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
        parsed.flags |= PacketFlags::VLAN;
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
        if parsed.flags.intersects(PacketFlags::FRAGMENT) {
            return Some(());
        }
        if !transport(ctx, &mut cursor, vxlan_port, parsed)? {
            return Some(());
        }
    }
    None
}
