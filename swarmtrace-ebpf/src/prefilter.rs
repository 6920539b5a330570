//! Rejects most packets of a busy node for a few nanoseconds each.
//!
//! It reads headers in place, at the fixed offsets of the common frames: plain
//! IPv4 without options, plain IPv6, and either of them in a VXLAN datagram over
//! IPv4. Whatever is shaped differently (VLAN tags, options, extension headers,
//! fragments, data outside the linear area) is left to the full parser: this
//! module may only reject what the full parser and the filter would reject, too.

use crate::filter::Filter;
use crate::headers::protocol::{ESP, ICMP, ICMP6, TCP, UDP};
use crate::headers::{ether_type, ethernet, ipv4, ipv6, ports, tcp as tcp_header, udp, vxlan};
use aya_ebpf::programs::TcContext;
use swarmtrace_common::{Mode, TcpFlags};

/// Bytes from an outer IPv4 header to the inner IP header: IPv4, UDP, VXLAN,
/// Ethernet.
const VXLAN_OVER_IPV4: usize = ipv4::LENGTH + udp::LENGTH + vxlan::LENGTH + ethernet::LENGTH;

/// Whether the filter certainly rejects a packet.
#[inline(always)]
pub fn rejects(ctx: &TcContext, link_header: u32, filter: &Filter) -> bool {
    // SAFETY: the context is the program's argument, valid while it runs.
    let ether_type = u16::from_be(unsafe { (*ctx.skb.skb).protocol } as u16);
    let view = View {
        data: ctx.data(),
        end: ctx.data_end(),
    };
    rejects_ip(&view, link_header as usize, ether_type, filter, true)
}

/// The part of a packet that can be read in place.
struct View {
    data: usize,
    end: usize,
}

impl View {
    #[inline(always)]
    fn holds(&self, bytes: usize) -> bool {
        self.data + bytes <= self.end
    }

    /// Reads a byte that lies before an offset that [`View::holds`] has checked.
    #[inline(always)]
    fn u8(&self, offset: usize) -> u8 {
        // SAFETY: within `data..end`, which the verifier checks for each read.
        unsafe { *((self.data + offset) as *const u8) }
    }

    #[inline(always)]
    fn tcp_flags(&self, l4: usize) -> TcpFlags {
        TcpFlags::from_bits_retain(self.u8(l4 + tcp_header::FLAGS))
    }

    #[inline(always)]
    fn u16(&self, offset: usize) -> u16 {
        u16::from_be_bytes([self.u8(offset), self.u8(offset + 1)])
    }
}

#[inline(always)]
fn rejects_ip(view: &View, ip: usize, ether_type: u16, filter: &Filter, outer: bool) -> bool {
    match ether_type {
        ether_type::IPV4 => {
            if !view.holds(ip + ipv4::LENGTH + udp::LENGTH)
                || view.u8(ip) != ipv4::PLAIN
                || view.u16(ip + ipv4::FRAGMENT) & ipv4::FRAGMENTED != 0
            {
                return false;
            }
            let protocol = view.u8(ip + ipv4::PROTOCOL);
            if outer
                && protocol == UDP
                && view.u16(ip + ipv4::LENGTH + ports::DESTINATION) == filter.settings.vxlan_port
            {
                let inner = ip + VXLAN_OVER_IPV4;
                if !view.holds(inner) {
                    return false;
                }
                let ether_type = view.u16(inner - ethernet::LENGTH + ethernet::TYPE);
                return rejects_ip(view, inner, ether_type, filter, false);
            }
            let length = view.u16(ip + ipv4::TOTAL_LENGTH) as usize;
            rejects_ports(
                view,
                ip + ipv4::LENGTH,
                protocol,
                length.wrapping_sub(ipv4::LENGTH),
                filter,
            )
        }
        ether_type::IPV6 => {
            if !view.holds(ip + ipv6::LENGTH + udp::LENGTH) {
                return false;
            }
            let protocol = view.u8(ip + ipv6::NEXT_HEADER);
            if outer
                && protocol == UDP
                && view.u16(ip + ipv6::LENGTH + ports::DESTINATION) == filter.settings.vxlan_port
            {
                return false;
            }
            let length = view.u16(ip + ipv6::PAYLOAD_LENGTH) as usize;
            rejects_ports(view, ip + ipv6::LENGTH, protocol, length, filter)
        }
        ether_type::VLAN | ether_type::QINQ => false,
        _ => true,
    }
}

/// Whether protocol, ports and TCP flags reject it; `length` is that of the TCP segment
/// or UDP datagram by the IP header.
#[inline(always)]
#[expect(clippy::match_same_arms, reason = "ICMP is decided, not unknown")]
fn rejects_ports(view: &View, l4: usize, protocol: u8, length: usize, filter: &Filter) -> bool {
    let handshakes = filter.mode() == Mode::Handshakes;
    match protocol {
        // Nearly every packet of a busy node.
        TCP if handshakes
            && view.holds(l4 + tcp_header::LENGTH)
            && !view.tcp_flags(l4).intersects(TcpFlags::SYN | TcpFlags::RST) =>
        {
            true
        }
        UDP if handshakes => true,
        TCP | UDP => {
            if !filter.ports_match(
                view.u16(l4 + ports::SOURCE),
                view.u16(l4 + ports::DESTINATION),
            ) {
                return true;
            }
            if protocol == UDP || filter.settings.mode != Mode::Transitions {
                return false;
            }
            // A bare acknowledgment is no transition. A length of 0 or below is
            // that of a super-packet which is too long for its IP header.
            view.holds(l4 + tcp_header::LENGTH)
                && !view
                    .tcp_flags(l4)
                    .intersects(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST)
                && length == (view.u8(l4 + tcp_header::DATA_OFFSET) >> 4) as usize * 4
        }
        ICMP | ICMP6 => false,
        // IPv6 extension headers come with the unknown protocols.
        ESP => handshakes || !filter.wants_portless(),
        _ => false,
    }
}
