//! What the kernel itself says of a packet's fate: `skb:kfree_skb` with the
//! reason and the call site, `tcp:tcp_send_reset` with the reason.
//!
//! These run for every namespace and every dropped packet of the node, traced or
//! not, so they turn away first what no filter can select. Unlike at a tap the
//! argument is a plain pointer: headers are read in the linear part of the
//! `sk_buff`, from its network header on, with `bpf_probe_read_kernel`.

mod device;
mod dropped;
mod offsets;
mod record;
mod reset_sent;
mod scratch;
mod sk_buff;

pub use dropped::dropped;
pub use reset_sent::reset_sent;
