//! What the kernel itself says of a packet's fate: `skb:kfree_skb` with the
//! reason and the call site, `tcp:tcp_send_reset` with the reason.
//!
//! These run for every namespace and every dropped packet of the node, traced or
//! not, so they turn away first what no filter can select. Unlike at a tap the
//! argument is a plain pointer: headers are read in the linear part of the
//! sk_buff, from its network header on, with `bpf_probe_read_kernel`.

use crate::emit::{Counts, EVENTS, wake_up};
use crate::filter::Filter;
use crate::packet::{Bytes, ETH_IPV4, ETH_IPV6, ETH_QINQ, ETH_VLAN, Parsed, TCP, UDP};
use crate::skb::{Head, inode, netns_of_device, read};
use crate::{options, packet, words};
use aya_ebpf::Global;
use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;
use aya_ebpf::programs::RawTracePointContext;
use core::ptr::{read_volatile, write_volatile};
use swarmtrace_common::{
    Endpoint, EventKind, FateEvent, FateOffsets, NO_REASON, Tuple, counters, flags, tcp,
};

/// Set by user space before loading; constant for the verifier.
#[unsafe(no_mangle)]
static FATE_OFFSETS: Global<FateOffsets> = Global::new(NOWHERE);

const NOWHERE: FateOffsets = FateOffsets {
    skb_protocol: 0,
    skb_tail: 0,
    skb_head: 0,
    skb_len: 0,
    skb_mark: 0,
    skb_sk: 0,
    skb_dst: 0,
    dev_ifindex: 0,
    dst_dev: 0,
    sock_net: 0,
    sock_family: 0,
    sock_dport: 0,
    sock_sport: 0,
    sock_daddr: 0,
    sock_saddr: 0,
    sock_daddr6: 0,
    sock_saddr6: 0,
    tcp_snd_nxt: 0,
    tcp_rcv_nxt: 0,
    drop_args: 0,
    reset_args: 0,
    not_dropped: 0,
    consumed: 0,
    reset_taken: 0,
    unread: 0,
    unspecified: 0,
};

/// One field of it: loading the whole would take longer than most calls do.
macro_rules! kernel {
    ($field:ident) => {{
        let all = (&raw const FATE_OFFSETS).cast::<FateOffsets>();
        // SAFETY: `Global` is transparent, and the loader has set the value.
        unsafe { read_volatile(&raw const (*all).$field) }
    }};
}

/// Numbers of network namespaces: the initial one's is a little below, all
/// others count up from 0xf0000000 (include/linux/proc_ns.h). What lies beyond
/// was no namespace: some sk_buffs keep other things where `dev` is.
const INODES: core::ops::Range<u32> = 0xefff_ff00..0xf800_0000;

const NO_HEADER: u16 = u16::MAX;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Working memory of one run.
#[repr(C, align(8))]
struct Room {
    busy: u64,
    parsed: Parsed,
    original: Tuple,
    reply: Tuple,
    endpoint: Endpoint,
}

/// A run in a process may be interrupted by one in a softirq, and that by one in
/// an interrupt; taps have no room, but a depth of their own to count at.
const ROOMS: u32 = counters::DEPTHS - 1;

#[map]
static FATE_ROOMS: PerCpuArray<Room> = PerCpuArray::with_max_entries(ROOMS, 0);

impl Room {
    /// A room that no interrupted run is in, and its counters.
    #[inline(always)]
    fn enter() -> Option<(&'static mut Self, Counts)> {
        for number in 0..ROOMS {
            let room = FATE_ROOMS.get_ptr_mut(number)?;
            let counts = Counts::get(number + 1)?;
            // SAFETY: the map entry lives while the program runs; whoever
            // interrupts this leaves the rooms as they were.
            unsafe {
                if read_volatile(&raw const (*room).busy) == 0 {
                    write_volatile(&raw mut (*room).busy, 1);
                    return Some((&mut *room, counts));
                }
            }
        }
        Counts::get(ROOMS)?.add(counters::LOST);
        None
    }

    #[inline(always)]
    fn leave(&mut self) {
        // SAFETY: a reference.
        unsafe { write_volatile(&raw mut self.busy, 0) };
    }
}

/// The linear part of a sk_buff, from its network header on.
struct Linear {
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
struct Buffer {
    skb: u64,
    ether_type: u16,
    linear: Linear,
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
    fn of(skb: u64) -> Option<Self> {
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
    fn uninteresting(&self, filter: &Filter) -> bool {
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
    fn selected(&self, filter: &Filter, room: &mut Room, bits: &mut u16) -> bool {
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
}

/// Where something happened, as far as it can be told.
struct Place {
    netns: u32,
    ifindex: u32,
}

impl Place {
    /// Where a packet is: on its device, else with a socket, else on its route.
    #[inline(always)]
    fn of(skb: u64, socket: u64) -> Self {
        let device = Head::of(skb).device;
        let netns = netns_of_device(device);
        if device != 0 && INODES.contains(&netns) {
            let ifindex = read(device, kernel!(dev_ifindex)).unwrap_or(0);
            return Self { netns, ifindex };
        }
        let mut netns = netns_of_socket(read(skb, kernel!(skb_sk)).unwrap_or(0));
        if netns == 0 {
            netns = netns_of_socket(socket);
        }
        if netns == 0 {
            // The lowest bit says whether the route is counted.
            let route = read::<u64>(skb, kernel!(skb_dst)).unwrap_or(0) & !1;
            if route != 0 && kernel!(dst_dev) != u32::MAX {
                let device = read(route, kernel!(dst_dev)).unwrap_or(0);
                netns = netns_of_device(device);
            }
        }
        let known = INODES.contains(&netns);
        Self {
            netns: if known { netns } else { 0 },
            ifindex: 0,
        }
    }
}

#[inline(always)]
fn netns_of_socket(socket: u64) -> u32 {
    if socket == 0 {
        return 0;
    }
    let netns = inode(read(socket, kernel!(sock_net)).unwrap_or(0));
    if INODES.contains(&netns) { netns } else { 0 }
}

/// `skb:kfree_skb`
#[inline(always)]
pub fn dropped(ctx: &RawTracePointContext) -> Option<()> {
    let args = kernel!(drop_args);
    let mut reason = NO_REASON;
    if args > 2 {
        reason = ctx.arg(2);
        let harmless = [
            kernel!(not_dropped),
            kernel!(consumed),
            kernel!(reset_taken),
            kernel!(unread),
        ];
        if harmless.contains(&reason) {
            return None;
        }
        if reason == kernel!(unspecified) {
            reason = NO_REASON;
        }
    }
    let (skb, location): (u64, u64) = (ctx.arg(0), ctx.arg(1));
    let buffer = Buffer::of(skb)?;
    let filter = Filter::get()?;
    if buffer.uninteresting(&filter) {
        return None;
    }
    let (room, counts) = Room::enter()?;
    let mut bits = 0;
    if buffer.selected(&filter, room, &mut bits) {
        let socket = if args > 3 { ctx.arg(3) } else { 0 };
        report(
            &counts,
            &buffer,
            room,
            bits,
            Place::of(skb, socket),
            |event| {
                // SAFETY: reserved, and ours alone.
                unsafe {
                    (*event).packet.kind = EventKind::Drop as u8;
                    (*event).location = location;
                    (*event).reason = reason;
                }
            },
        );
    }
    room.leave();
    Some(())
}

/// `tcp:tcp_send_reset`
#[inline(always)]
pub fn reset_sent(ctx: &RawTracePointContext) -> Option<()> {
    let (socket, skb): (u64, u64) = (ctx.arg(0), ctx.arg(1));
    let reason = if kernel!(reset_args) > 2 {
        ctx.arg(2)
    } else {
        NO_REASON
    };
    let filter = Filter::get()?;
    let (room, counts) = Room::enter()?;
    let _ = if skb == 0 {
        unasked(socket, reason, &filter, &counts, room)
    } else {
        answering(socket, skb, reason, &filter, &counts, room)
    };
    room.leave();
    Some(())
}

/// A reset that answers a packet.
#[inline(always)]
fn answering(
    socket: u64,
    skb: u64,
    reason: u32,
    filter: &Filter,
    counts: &Counts,
    room: &mut Room,
) -> Option<()> {
    let buffer = Buffer::of(skb)?;
    let mut bits = 0;
    if !buffer.selected(filter, room, &mut bits) || room.parsed.tuple.protocol != TCP {
        return None;
    }
    let mut place = Place::of(skb, socket);
    let netns = netns_of_socket(socket);
    if netns != 0 {
        place.netns = netns;
    }
    report(counts, &buffer, room, bits, place, |event| {
        // SAFETY: reserved, and ours alone.
        let packet = unsafe { &mut (*event).packet };
        packet.kind = EventKind::ResetSent as u8;
        // SAFETY: as above.
        unsafe { (*event).reason = reason };
        turn(&mut packet.tuple);
        // As RFC 9293, section 3.10.7.1, has it.
        let asked = packet.tcp_flags;
        if asked & tcp::ACK != 0 {
            (packet.seq, packet.ack, packet.tcp_flags) = (packet.ack, 0, tcp::RST);
        } else {
            let controls = u32::from(asked & tcp::SYN != 0) + u32::from(asked & tcp::FIN != 0);
            let end = packet.seq.wrapping_add(packet.payload_length);
            packet.ack = end.wrapping_add(controls);
            (packet.seq, packet.tcp_flags) = (0, tcp::RST | tcp::ACK);
        }
        // What follows is the answered packet's.
        (packet.tsval, packet.tsecr) = (0, 0);
        packet.flags &= !(flags::TIMESTAMPS | flags::CONNTRACK_REPLY);
        (packet.ip_id, packet.payload_length, packet.length) = (0, 0, 0);
    });
    Some(())
}

/// A reset that a socket's end calls for.
#[inline(always)]
fn unasked(
    socket: u64,
    reason: u32,
    filter: &Filter,
    counts: &Counts,
    room: &mut Room,
) -> Option<()> {
    let family: u16 = read(socket, kernel!(sock_family))?;
    words::zero(&raw mut room.parsed);
    let tuple = &mut room.parsed.tuple;
    let mut bits = 0;
    if family == AF_INET {
        let (from, to) = (kernel!(sock_saddr), kernel!(sock_daddr));
        words::map_ipv4(&raw mut tuple.src, read(socket, from)?);
        words::map_ipv4(&raw mut tuple.dst, read(socket, to)?);
    } else if family == AF_INET6 && kernel!(sock_daddr6) != u32::MAX {
        tuple.src = read(socket, kernel!(sock_saddr6))?;
        tuple.dst = read(socket, kernel!(sock_daddr6))?;
        bits = flags::IPV6;
    } else {
        return None;
    }
    tuple.src_port = u16::from_be(read(socket, kernel!(sock_sport))?);
    tuple.dst_port = u16::from_be(read(socket, kernel!(sock_dport))?);
    tuple.protocol = TCP;
    let parsed = &mut room.parsed;
    parsed.flags = bits;
    parsed.tcp_flags = tcp::RST | tcp::ACK;
    parsed.seq = read(socket, kernel!(tcp_snd_nxt))?;
    parsed.ack = read(socket, kernel!(tcp_rcv_nxt))?;
    if !filter.matches(parsed, &mut room.endpoint) || !filter.may_be_sampled(parsed) {
        return None;
    }
    words::zero(&raw mut room.original);
    words::zero(&raw mut room.reply);
    let place = Place {
        netns: netns_of_socket(socket),
        ifindex: 0,
    };
    let nothing = Buffer {
        skb: 0,
        ether_type: 0,
        linear: Linear {
            start: 0,
            length: 0,
        },
        data: 0,
    };
    report(counts, &nothing, room, 0, place, |event| {
        // SAFETY: reserved, and ours alone.
        unsafe {
            (*event).packet.kind = EventKind::ResetSent as u8;
            (*event).reason = reason;
        }
    });
    Some(())
}

#[inline(always)]
fn turn(tuple: &mut Tuple) {
    core::mem::swap(&mut tuple.src_port, &mut tuple.dst_port);
    let addresses = (&raw mut *tuple).cast::<[u64; 4]>();
    // SAFETY: a tuple is aligned to 8 and begins with its two addresses.
    unsafe {
        let [a, b, c, d] = *addresses;
        *addresses = [c, d, a, b];
    }
}

/// Writes a record of what is in the room; `finish` adds what makes it a drop or
/// a reset.
#[inline(always)]
fn report(
    counts: &Counts,
    buffer: &Buffer,
    room: &Room,
    bits: u16,
    place: Place,
    finish: impl FnOnce(*mut FateEvent),
) {
    let parsed = &room.parsed;
    let stamps = if parsed.options_length > 0 {
        options::timestamps(&buffer.linear, parsed)
    } else {
        None
    };
    let mark = match buffer.skb {
        0 => 0,
        skb => read(skb, kernel!(skb_mark)).unwrap_or(0),
    };
    let length = match buffer.skb {
        0 => 0,
        skb => read(skb, kernel!(skb_len)).unwrap_or(0),
    };
    let Some(mut entry) = EVENTS.reserve::<FateEvent>(0) else {
        counts.add(counters::LOST);
        return;
    };
    let event = entry.as_mut_ptr();
    // SAFETY: the event is reserved and ours alone until it is submitted; it is
    // zeroed as a whole first.
    unsafe {
        words::zero(event);
        let packet = &raw mut (*event).packet;
        (*packet).time = bpf_ktime_get_ns();
        (*packet).skb = buffer.skb;
        (*packet).netns = place.netns;
        (*packet).ifindex = place.ifindex;
        (*packet).mark = mark;
        (*packet).length = length;
        (*packet).seq = parsed.seq;
        (*packet).ack = parsed.ack;
        (*packet).vni = parsed.vni;
        (*packet).payload_length = parsed.payload_length;
        (*packet).payload_tag = parsed.payload_tag;
        (*packet).ip_id = parsed.ip_id;
        (*packet).vlan = parsed.vlan;
        (*packet).tcp_flags = parsed.tcp_flags;
        (*packet).ttl = parsed.ttl;
        words::copy(&raw const parsed.tuple, &raw mut (*packet).tuple);
        words::copy(&raw const parsed.outer, &raw mut (*packet).outer);
        words::copy(&raw const room.original, &raw mut (*packet).original);
        words::copy(&raw const room.reply, &raw mut (*packet).reply);
        (*packet).flags = parsed.flags | bits;
        if let Some((value, echo)) = stamps {
            (*packet).tsval = value;
            (*packet).tsecr = echo;
            (*packet).flags |= flags::TIMESTAMPS;
        }
    }
    finish(event);
    entry.submit(wake_up(counts.add(counters::FATES)));
}
