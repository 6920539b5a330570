//! An sk_buff as a tracepoint hands it over: a plain address. Headers are read in
//! its linear part, from the network header on.

use super::offsets::kernel;
use super::room::Room;
use crate::filter::Filter;
use crate::packet::{self, Bytes, ETH_IPV4, ETH_IPV6, ETH_QINQ, ETH_VLAN, TCP, UDP};
use crate::skb::{Head, read};
use crate::words;
use swarmtrace_common::flags;

const NO_HEADER: u16 = u16::MAX;

/// The linear part of a sk_buff, from its network header on.
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

/// An sk_buff, at an address.
pub struct Buffer {
    pub skb: u64,
    ether_type: u16,
    pub linear: Linear,
    /// From the network header to the end of the data on the linear part's line:
    /// add what is not linear.
    data: u32,
}

impl Buffer {
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
        if !matches!(ether_type, ETH_IPV4 | ETH_IPV6 | ETH_VLAN | ETH_QINQ) {
            return None;
        }
        let (tail, head, data) = Self::bounds(skb)?;
        let at = match (network, mac) {
            (0, NO_HEADER) => return None,
            // Not received yet: nobody has looked behind the Ethernet header.
            (0, mac) => u32::from(mac) + 14,
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
        // A header that was cut off by somebody who knew better.
        if length > 1 << 20 {
            self.linear.length
        } else {
            length
        }
    }

    /// Whether no filter can select it, by the ports of the common packets.
    #[inline(always)]
    pub fn uninteresting(&self, filter: &Filter) -> bool {
        if filter.wants_portless() {
            return false;
        }
        let (protocol, ports) = match self.ether_type {
            ETH_IPV4 => {
                let Some(header) = self.linear.load::<[u16; 12]>(0) else {
                    return true;
                };
                let [first, ..] = header[0].to_ne_bytes();
                if first != 0x45 || header[3] & 0x3fff_u16.to_be() != 0 {
                    return false;
                }
                let [_, protocol] = header[4].to_ne_bytes();
                (protocol, [header[10], header[11]])
            }
            ETH_IPV6 => {
                let Some(header) = self.linear.load::<[u16; 22]>(0) else {
                    return true;
                };
                let [protocol, _] = header[3].to_ne_bytes();
                (protocol, [header[20], header[21]])
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
    pub fn selected(&self, filter: &Filter, room: &mut Room, bits: &mut u16) -> bool {
        words::zero(&raw mut room.parsed);
        words::zero(&raw mut room.original);
        words::zero(&raw mut room.reply);
        let (length, port) = (self.length(), filter.settings.vxlan_port);
        let parsed = &mut room.parsed;
        if packet::parse_from(&self.linear, 0, self.ether_type, length, port, parsed).is_none() {
            return false;
        }
        let (original, reply) = (&raw mut room.original, &raw mut room.reply);
        let entry = Head::of(self.skb).conntrack(original, reply);
        if let Some(is_reply) = entry {
            *bits |= flags::CONNTRACK;
            if is_reply {
                *bits |= flags::CONNTRACK_REPLY;
            }
        }
        let key = &mut room.endpoint;
        (filter.matches(parsed, key)
            || entry.is_some()
                && (filter.matches_tuple(&room.original, true, key)
                    || filter.matches_tuple(&room.reply, true, key)))
            && filter.may_be_sampled(parsed)
    }

    /// No sk_buff at all.
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
