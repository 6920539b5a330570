//! Where the running kernel keeps the fields that are read: filled in by user
//! space before the programs are loaded.

use aya_ebpf::Global;
use swarmtrace_common::FateOffsets;

/// Set by user space before loading; constant for the verifier.
#[unsafe(no_mangle)]
pub static FATE_OFFSETS: Global<FateOffsets> = Global::new(NOWHERE);

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
        let all = (&raw const $crate::fate::offsets::FATE_OFFSETS)
            .cast::<swarmtrace_common::FateOffsets>();
        // SAFETY: `Global` is transparent, and the loader has set the value.
        unsafe { core::ptr::read_volatile(&raw const (*all).$field) }
    }};
}

pub(super) use kernel;
