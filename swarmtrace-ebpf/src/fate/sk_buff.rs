//! An `sk_buff` as a tracepoint passes it: a plain address. Headers are read in
//! its linear part, from the network header on.

use super::offsets::kernel;
use super::scratch::Scratch;
use crate::bytes::Bytes;
use crate::filter::Filter;
use crate::headers::protocol::{TCP, UDP};
use crate::headers::{ether_type, ethernet, ipv4, ipv6, ports};
use crate::parse;
use crate::skb::{Head, read};
use crate::volatile;
use swarmtrace_common::PacketFlags;

const NO_HEADER: u16 = u16::MAX;

/// The linear part of a `sk_buff`, from its network header on.
pub struct Linear {
    start: u64,
    length: u32,
}

impl Bytes for Linear {
    #[inline(always)]
    fn load<T>(&self, at: u32) -> Option<T> {
        if at.wrapping_add(size_of::<T>() as u32) > self.length {
            return None;
        }
        read(self.start, at)
    }

    #[inline(always)]
    fn load_or_zero<T>(&self, at: u32) -> T {
        // SAFETY: every `T` here is an integer.
        self.load(at)
            .unwrap_or_else(|| unsafe { core::mem::zeroed() })
    }
}

/// An `sk_buff`, at an address.
pub struct SkBuff {
    pub skb: u64,
    ether_type: u16,
    pub linear: Linear,
    /// From the network header to the end of the data on the linear part's line:
    /// add what is not linear.
    data: u32,
}

impl SkBuff {
    /// `tail`, `head` and `data`: at once where they lie together, because each read
    /// is a call of a helper. The verifier knows the offsets and follows one branch.
    #[inline(always)]
    fn bounds(skb: u64) -> Option<(u32, u64, u64)> {
        let (tail_at, head_at) = (kernel!(skb_tail), kernel!(skb_head));
        if head_at.wrapping_sub(tail_at) == 8 {
            let [ends, head, data]: [u64; 3] = read(skb, tail_at)?;
            let tail = if cfg!(target_endian = "little") {
                ends as u32
            } else {
                (ends >> 32) as u32
            };
            return Some((tail, head, data));
        }
        let [head, data]: [u64; 2] = read(skb, head_at)?;
        Some((read(skb, tail_at)?, head, data))
    }

    /// Reads where its headers are; `None` where it is not IP.
    #[inline(always)]
    pub fn of(skb: u64) -> Option<Self> {
        let [ether_type, _, network, mac]: [u16; 4] = read(skb, kernel!(skb_protocol))?;
        let ether_type = u16::from_be(ether_type);
        if !matches!(
            ether_type,
            ether_type::IPV4 | ether_type::IPV6 | ether_type::VLAN | ether_type::QINQ
        ) {
            return None;
        }
        let (tail, head, data) = Self::bounds(skb)?;
        let at = match (network, mac) {
            (0, NO_HEADER) => return None,
            // Not received yet: nobody has looked behind the Ethernet header.
            (0, mac) => u32::from(mac) + ethernet::LENGTH as u32,
            (network, _) => u32::from(network),
        };
        if at >= tail {
            return None;
        }
        Some(Self {
            skb,
            ether_type,
            linear: Linear {
                start: head + u64::from(at),
                length: tail - at,
            },
            data: (data.wrapping_sub(head) as u32).wrapping_sub(at),
        })
    }

    /// Bytes from the network header to the packet's end.
    #[inline(always)]
    fn length(&self) -> u32 {
        let bytes: u32 = read(self.skb, kernel!(skb_len)).unwrap_or(0);
        let length = self.data.wrapping_add(bytes);
        // Another layer has already pulled the header off.
        if length > 1 << 20 {
            self.linear.length
        } else {
            length
        }
    }

    /// Whether the ports of a common packet show that the filter rejects it.
    #[inline(always)]
    pub fn rejected(&self, filter: &Filter) -> bool {
        if filter.wants_portless() {
            return false;
        }
        let (protocol, ports) = match self.ether_type {
            ether_type::IPV4 => {
                let Some(header) = self
                    .linear
                    .load::<[u16; (ipv4::LENGTH + ports::LENGTH) / 2]>(0)
                else {
                    return true;
                };
                let [first, ..] = header[0].to_ne_bytes();
                if first != ipv4::PLAIN
                    || header[ipv4::FRAGMENT / 2] & ipv4::FRAGMENTED.to_be() != 0
                {
                    return false;
                }
                let [_, protocol] = header[ipv4::PROTOCOL / 2].to_ne_bytes();
                (
                    protocol,
                    [header[ipv4::LENGTH / 2], header[ipv4::LENGTH / 2 + 1]],
                )
            }
            ether_type::IPV6 => {
                let Some(header) = self
                    .linear
                    .load::<[u16; (ipv6::LENGTH + ports::LENGTH) / 2]>(0)
                else {
                    return true;
                };
                let [protocol, _] = header[ipv6::NEXT_HEADER / 2].to_ne_bytes();
                (
                    protocol,
                    [header[ipv6::LENGTH / 2], header[ipv6::LENGTH / 2 + 1]],
                )
            }
            _ => return false,
        };
        let [from, to] = [u16::from_be(ports[0]), u16::from_be(ports[1])];
        let tunnel = protocol == UDP && to == filter.settings.vxlan_port;
        if !matches!(protocol, TCP | UDP) || tunnel || filter.ports_match(from, to) {
            return false;
        }
        match Head::of(self.skb).conntrack_ports() {
            Some([[a, b], [c, d]]) => !filter.ports_match(a, b) && !filter.ports_match(c, d),
            None => true,
        }
    }

    /// Parses it; `false` where the filter does not select it, neither by its own
    /// addresses nor by those of its conntrack entry.
    #[inline(always)]
    pub fn selected(&self, filter: &Filter, scratch: &mut Scratch, bits: &mut PacketFlags) -> bool {
        volatile::zero(&raw mut scratch.parsed);
        volatile::zero(&raw mut scratch.original);
        volatile::zero(&raw mut scratch.reply);
        let (length, port) = (self.length(), filter.settings.vxlan_port);
        let parsed = &mut scratch.parsed;
        if parse::parse_from(&self.linear, 0, self.ether_type, length, port, parsed).is_none() {
            return false;
        }
        let (original, reply) = (&raw mut scratch.original, &raw mut scratch.reply);
        let entry = Head::of(self.skb).conntrack(original, reply);
        if let Some(is_reply) = entry {
            *bits |= PacketFlags::CONNTRACK;
            if is_reply {
                *bits |= PacketFlags::CONNTRACK_REPLY;
            }
        }
        let key = &mut scratch.endpoint;
        (filter.matches(parsed, key)
            || entry.is_some()
                && (filter.matches_tuple(&scratch.original, true, key)
                    || filter.matches_tuple(&scratch.reply, true, key)))
            && filter.may_be_sampled(parsed)
    }

    /// No `sk_buff` at all.
    pub const NONE: Self = Self {
        skb: 0,
        ether_type: 0,
        linear: Linear {
            start: 0,
            length: 0,
        },
        data: 0,
    };
}
