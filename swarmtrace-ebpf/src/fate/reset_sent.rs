//! `tcp:tcp_send_reset`: a reset that the kernel sends, in answer to a packet or when
//! a socket is closed or aborted.

use super::device::{Device, netns_of_socket};
use super::offsets::kernel;
use super::record::report;
use super::scratch::Scratch;
use super::sk_buff::SkBuff;
use crate::emit::Counts;
use crate::filter::Filter;
use crate::headers::protocol::TCP;
use crate::skb::read;
use crate::volatile;
use aya_ebpf::programs::RawTracePointContext;
use swarmtrace_common::{EventKind, NO_REASON, PacketFlags, TcpFlags, Tuple};

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

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
    let (scratch, counts) = Scratch::enter()?;
    let _ = if skb == 0 {
        unprompted(socket, reason, &filter, &counts, scratch)
    } else {
        answering(socket, skb, reason, &filter, &counts, scratch)
    };
    scratch.leave();
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
    scratch: &mut Scratch,
) -> Option<()> {
    let buffer = SkBuff::of(skb)?;
    let mut bits = PacketFlags::empty();
    if !buffer.selected(filter, scratch, &mut bits) || scratch.parsed.tuple.protocol != TCP {
        return None;
    }
    let mut device = Device::of(skb, socket);
    let netns = netns_of_socket(socket);
    if netns != 0 {
        device.netns = netns;
    }
    report(counts, &buffer, scratch, bits, device, |event| {
        // SAFETY: reserved, and ours alone.
        let packet = unsafe { &mut (*event).packet };
        packet.kind = EventKind::ResetSent as u8;
        // SAFETY: as above.
        unsafe { (*event).reason = reason };
        turn(&mut packet.tuple);
        // As RFC 9293, section 3.10.7.1, has it.
        let answered = packet.tcp_flags;
        if answered.intersects(TcpFlags::ACK) {
            (packet.seq, packet.ack, packet.tcp_flags) = (packet.ack, 0, TcpFlags::RST);
        } else {
            let controls = u32::from(answered.intersects(TcpFlags::SYN))
                + u32::from(answered.intersects(TcpFlags::FIN));
            let end = packet.seq.wrapping_add(packet.payload_length);
            packet.ack = end.wrapping_add(controls);
            (packet.seq, packet.tcp_flags) = (0, TcpFlags::RST | TcpFlags::ACK);
        }
        // What follows is the answered packet's.
        (packet.tsval, packet.tsecr) = (0, 0);
        packet
            .flags
            .remove(PacketFlags::TIMESTAMPS | PacketFlags::CONNTRACK_REPLY);
        (packet.ip_id, packet.payload_length, packet.length) = (0, 0, 0);
    });
    Some(())
}

/// A reset that no packet prompts: a socket is closed with unread data, or aborted.
#[inline(always)]
fn unprompted(
    socket: u64,
    reason: u32,
    filter: &Filter,
    counts: &Counts,
    scratch: &mut Scratch,
) -> Option<()> {
    let family: u16 = read(socket, kernel!(sock_family))?;
    volatile::zero(&raw mut scratch.parsed);
    let tuple = &mut scratch.parsed.tuple;
    let mut bits = PacketFlags::empty();
    if family == AF_INET {
        let (from, to) = (kernel!(sock_saddr), kernel!(sock_daddr));
        volatile::map_ipv4(&raw mut tuple.src, read(socket, from)?);
        volatile::map_ipv4(&raw mut tuple.dst, read(socket, to)?);
    } else if family == AF_INET6 && kernel!(sock_daddr6) != u32::MAX {
        tuple.src = read(socket, kernel!(sock_saddr6))?;
        tuple.dst = read(socket, kernel!(sock_daddr6))?;
        bits = PacketFlags::IPV6;
    } else {
        return None;
    }
    tuple.src_port = u16::from_be(read(socket, kernel!(sock_sport))?);
    tuple.dst_port = u16::from_be(read(socket, kernel!(sock_dport))?);
    tuple.protocol = TCP;
    let parsed = &mut scratch.parsed;
    parsed.flags = bits;
    parsed.tcp_flags = TcpFlags::RST | TcpFlags::ACK;
    parsed.seq = read(socket, kernel!(tcp_snd_nxt))?;
    parsed.ack = read(socket, kernel!(tcp_rcv_nxt))?;
    if !filter.matches(parsed, &mut scratch.endpoint) || !filter.may_be_sampled(parsed) {
        return None;
    }
    volatile::zero(&raw mut scratch.original);
    volatile::zero(&raw mut scratch.reply);
    let device = Device {
        netns: netns_of_socket(socket),
        ifindex: 0,
    };
    report(
        counts,
        &SkBuff::NONE,
        scratch,
        PacketFlags::empty(),
        device,
        |event| {
            // SAFETY: reserved, and ours alone.
            unsafe {
                (*event).packet.kind = EventKind::ResetSent as u8;
                (*event).reason = reason;
            }
        },
    );
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
