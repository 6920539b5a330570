//! The first look: turns away most packets of a busy node for a few nanoseconds.
//!
//! It reads headers in place, at the fixed offsets of the common frames: plain
//! IPv4 without options, plain IPv6, and either of them in a VXLAN datagram over
//! IPv4. Whatever is shaped differently (VLAN tags, options, extension headers,
//! fragments, data outside the linear area) is left to the full parser: this
//! module may only say "uninteresting" when the full parser and the filter
//! would say so, too.

use crate::filter::Filter;
use crate::packet::{ESP, ETH_IPV4, ETH_IPV6, ETH_QINQ, ETH_VLAN, ICMP, ICMP6, TCP, UDP};
use aya_ebpf::programs::TcContext;
use swarmtrace_common::{Mode, tcp};

/// Bytes from an outer IPv4 header to the inner IP header: IPv4, UDP, VXLAN,
/// Ethernet.
const VXLAN_OVER_IPV4: usize = 20 + 8 + 8 + 14;

/// Whether a packet is certainly of no interest.
#[inline(always)]
pub fn uninteresting(ctx: &TcContext, link_header: u32, filter: &Filter) -> bool {
    // SAFETY: the context is the program's argument, valid while it runs.
    let ether_type = u16::from_be(unsafe { (*ctx.skb.skb).protocol } as u16);
    let view = View {
        data: ctx.data(),
        end: ctx.data_end(),
    };
    judge(&view, link_header as usize, ether_type, filter, true)
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

    /// Reads a byte that [`View::holds`] has vouched for.
    #[inline(always)]
    fn u8(&self, offset: usize) -> u8 {
        // SAFETY: within `data..end`, which the verifier checks for each read.
        unsafe { *((self.data + offset) as *const u8) }
    }

    #[inline(always)]
    fn u16(&self, offset: usize) -> u16 {
        u16::from_be_bytes([self.u8(offset), self.u8(offset + 1)])
    }
}

#[inline(always)]
fn judge(view: &View, ip: usize, ether_type: u16, filter: &Filter, outer: bool) -> bool {
    match ether_type {
        ETH_IPV4 => {
            if !view.holds(ip + 28) || view.u8(ip) != 0x45 || view.u16(ip + 6) & 0x3fff != 0 {
                return false;
            }
            let protocol = view.u8(ip + 9);
            if outer && protocol == UDP && view.u16(ip + 22) == filter.settings.vxlan_port {
                let inner = ip + VXLAN_OVER_IPV4;
                if !view.holds(inner) {
                    return false;
                }
                let ether_type = view.u16(inner - 2);
                return judge(view, inner, ether_type, filter, false);
            }
            let length = view.u16(ip + 2) as usize;
            judge_ports(view, ip + 20, protocol, length.wrapping_sub(20), filter)
        }
        ETH_IPV6 => {
            if !view.holds(ip + 48) {
                return false;
            }
            let protocol = view.u8(ip + 6);
            if outer && protocol == UDP && view.u16(ip + 42) == filter.settings.vxlan_port {
                return false;
            }
            let length = view.u16(ip + 4) as usize;
            judge_ports(view, ip + 40, protocol, length, filter)
        }
        ETH_VLAN | ETH_QINQ => false,
        _ => true,
    }
}

/// Judges by protocol, ports and TCP flags; `length` is that of the TCP segment
/// or UDP datagram by the IP header.
#[inline(always)]
fn judge_ports(view: &View, l4: usize, protocol: u8, length: usize, filter: &Filter) -> bool {
    let handshakes = filter.mode() == Mode::Handshakes as u8;
    match protocol {
        // Nearly every packet of a busy node.
        TCP if handshakes
            && view.holds(l4 + 20)
            && view.u8(l4 + 13) & (tcp::SYN | tcp::RST) == 0 =>
        {
            true
        }
        UDP if handshakes => true,
        TCP | UDP => {
            if !filter.ports_match(view.u16(l4), view.u16(l4 + 2)) {
                return true;
            }
            if protocol == UDP || filter.settings.mode != Mode::Transitions as u8 {
                return false;
            }
            // A bare acknowledgment is no transition. A length of 0 or below is
            // that of a super-packet which is too long for its IP header.
            view.holds(l4 + 20)
                && view.u8(l4 + 13) & (tcp::SYN | tcp::FIN | tcp::RST) == 0
                && length == (view.u8(l4 + 12) >> 4) as usize * 4
        }
        ICMP | ICMP6 => false,
        // IPv6 extension headers come with the unknown protocols.
        ESP => handshakes || !filter.wants_portless(),
        _ => false,
    }
}
