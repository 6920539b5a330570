//! What the kernel itself says of a packet's fate: dropped, or answered with a
//! reset. One record for both, and where the running kernel keeps what it takes.

use crate::PacketEvent;

/// [`FateEvent::reason`] where the kernel gave none: always before Linux 5.17
/// (drops) or 6.10 (resets), and where its reason is that there is none.
pub const NO_REASON: u32 = u32::MAX;

/// A packet that was dropped, or a reset that was sent. 256 bytes.
///
/// The packet is described as one at a tap is, with [`EventKind::Drop`] or
/// [`EventKind::ResetSent`] for its kind, except that its `netns` is 0 where it
/// is unknown, its `ifindex` 0 where the packet was on no device, and
/// `direction`, `hash` and the `gso` fields are always 0.
///
/// A reset is described as the segment that the kernel sends: its own source
/// and destination, sequence and acknowledgment numbers. `skb` is the packet
/// that it answers, 0 where it answers none.
///
/// [`EventKind::Drop`]: crate::EventKind::Drop
/// [`EventKind::ResetSent`]: crate::EventKind::ResetSent
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FateEvent {
    /// The packet.
    pub packet: PacketEvent,
    /// Drop: the address of the code that dropped it; else 0.
    pub location: u64,
    /// The kernel's number for the reason, or [`NO_REASON`].
    pub reason: u32,
    /// Always 0.
    pub padding: u32,
}

const _: () = assert!(size_of::<FateEvent>() == 256);

/// Offsets in bytes and numbers from the running kernel's BTF, set as the
/// `FATE_OFFSETS` global before loading. `u32::MAX`: there is none.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FateOffsets {
    /// `sk_buff.protocol`; `transport_header`, `network_header` and `mac_header`
    /// follow it.
    pub skb_protocol: u32,
    /// `sk_buff.tail`; `end` follows it.
    pub skb_tail: u32,
    /// `sk_buff.head`; `data` follows it. Itself it follows `end`, on many kernels
    /// behind a gap.
    pub skb_head: u32,
    /// `sk_buff.len`
    pub skb_len: u32,
    /// `sk_buff.mark`
    pub skb_mark: u32,
    /// `sk_buff.sk`
    pub skb_sk: u32,
    /// `sk_buff._skb_refdst`
    pub skb_dst: u32,
    /// `net_device.ifindex`
    pub dev_ifindex: u32,
    /// `dst_entry.dev`
    pub dst_dev: u32,
    /// `sock_common.skc_net`
    pub sock_net: u32,
    /// `sock_common.skc_family`
    pub sock_family: u32,
    /// `sock_common.skc_dport`
    pub sock_dport: u32,
    /// `inet_sock.inet_sport`; a socket that closes has no `skc_num` any more.
    pub sock_sport: u32,
    /// `sock_common.skc_daddr`
    pub sock_daddr: u32,
    /// `sock_common.skc_rcv_saddr`
    pub sock_saddr: u32,
    /// `sock_common.skc_v6_daddr`
    pub sock_daddr6: u32,
    /// `sock_common.skc_v6_rcv_saddr`
    pub sock_saddr6: u32,
    /// `tcp_sock.snd_nxt`
    pub tcp_snd_nxt: u32,
    /// `tcp_sock.rcv_nxt`
    pub tcp_rcv_nxt: u32,
    /// Arguments of `skb:kfree_skb`: skb, call site, reason (5.17), socket (6.11).
    pub drop_args: u32,
    /// Arguments of `tcp:tcp_send_reset`: socket, skb, reason (6.10).
    pub reset_args: u32,
    /// The drop reason that stands for a packet that was not dropped.
    pub not_dropped: u32,
    /// The drop reason that stands for a packet that was used up.
    pub consumed: u32,
    /// The drop reason of a reset that a socket has taken.
    pub reset_taken: u32,
    /// The drop reason of what a closed socket's owner had not read.
    pub unread: u32,
    /// The drop reason that says nothing, reported as [`NO_REASON`].
    pub unspecified: u32,
}

// SAFETY: `repr(C)`, made of integers alone, without implicit padding.
#[cfg(feature = "user")]
unsafe impl aya::Pod for FateOffsets {}
