//! What only the `sk_buff` knows: device, namespace, conntrack entry.
//!
//! In a tc program the context pointer is the `sk_buff` itself, so its fields can
//! be read with `bpf_probe_read_kernel` at offsets that user space took from
//! the running kernel's BTF. (`bpf_get_netns_cookie` is no substitute: in tc it
//! returns the socket's namespace, not the device's.)

use crate::volatile;
use aya_ebpf::Global;
use aya_ebpf::helpers::bpf_probe_read_kernel;
use aya_ebpf::programs::TcContext;
use swarmtrace_common::{Offsets, Tuple};

/// Set by user space before loading; constant for the verifier.
#[unsafe(no_mangle)]
static OFFSETS: Global<Offsets> = Global::new(Offsets {
    skb_dev: 0,
    skb_nfct: 0,
    dev_nd_net: 0,
    net_inum: 0,
    conn_tuplehash: 0,
    tuplehash_size: 0,
    tuplehash_tuple: 0,
    padding: 0,
});

/// The first conntrack info that means the REPLY direction:
/// `IP_CT_ESTABLISHED_REPLY` (`include/uapi/linux/netfilter/nf_conntrack_common.h`).
const IS_REPLY: u64 = 3;
/// The low bits of `skb->_nfct` hold the conntrack info.
const INFO_MASK: u64 = 7;

const AF_INET: u16 = 2;

/// The kernel's `struct nf_conntrack_tuple`; the loader has compared its layout.
#[repr(C, align(4))]
#[derive(Clone, Copy)]
struct ConntrackTuple {
    src: [u8; 16],
    src_port: u16,
    family: u16,
    dst: [u8; 16],
    dst_port: u16,
    protocol: u8,
    direction: u8,
}

const _: () = assert!(size_of::<ConntrackTuple>() == 40);

/// Address of the `net_device` the packet is at; 0 where it cannot be read.
#[inline(always)]
pub fn device(ctx: &TcContext) -> u64 {
    read(ctx.skb.skb as u64, OFFSETS.load().skb_dev).unwrap_or(0)
}

/// Bytes from a packet's device to its conntrack entry on every kernel from 5.10
/// to 7.2. (A constant: verifiers before 5.12 get lost behind an index into the
/// stack that is not one.)
const BETWEEN: u32 = 88;
const NEAR: usize = BETWEEN as usize / 8;

/// What a report reads of the `sk_buff` itself: at once where both fields lie near
/// each other, because each read is a call of a helper.
pub struct Head {
    /// Address of the `net_device`.
    pub device: u64,
    conntrack: u64,
}

impl Head {
    /// Reads it of the `sk_buff` at an address; what cannot be read is 0.
    #[inline(always)]
    pub fn of(skb: u64) -> Self {
        let offsets = OFFSETS.load();
        let (device, conntrack) = (offsets.skb_dev, offsets.skb_nfct);
        if conntrack.wrapping_sub(device) == BETWEEN {
            let near: [u64; NEAR + 1] = read(skb, device).unwrap_or([0; NEAR + 1]);
            return Self {
                device: near[0],
                conntrack: near[NEAR],
            };
        }
        let conntrack = if conntrack == u32::MAX {
            None
        } else {
            read(skb, conntrack)
        };
        Self {
            device: read(skb, device).unwrap_or(0),
            conntrack: conntrack.unwrap_or(0),
        }
    }

    /// Inode number of the network namespace the packet's device is in.
    #[inline(always)]
    pub fn netns(&self) -> u32 {
        netns_of_device(self.device)
    }

    /// Source and destination port of conntrack's two tuples.
    #[inline(always)]
    pub fn conntrack_ports(&self) -> Option<[[u16; 2]; 2]> {
        let offsets = OFFSETS.load();
        let connection = self.conntrack & !INFO_MASK;
        if connection == 0 || offsets.conn_tuplehash == u32::MAX {
            return None;
        }
        let first = offsets.conn_tuplehash + offsets.tuplehash_tuple;
        let original: ConntrackTuple = read(connection, first)?;
        let reply: ConntrackTuple = read(connection, first + offsets.tuplehash_size)?;
        Some([
            [
                u16::from_be(original.src_port),
                u16::from_be(original.dst_port),
            ],
            [u16::from_be(reply.src_port), u16::from_be(reply.dst_port)],
        ])
    }

    /// Conntrack's two tuples, written where they are wanted.
    /// `None`: no entry; else whether the packet is of the REPLY direction.
    #[inline(always)]
    pub fn conntrack(&self, original: *mut Tuple, reply: *mut Tuple) -> Option<bool> {
        let offsets = OFFSETS.load();
        let (connection, info) = (self.conntrack & !INFO_MASK, self.conntrack & INFO_MASK);
        if connection == 0 || offsets.conn_tuplehash == u32::MAX {
            return None;
        }
        let first = offsets.conn_tuplehash + offsets.tuplehash_tuple;
        copy(connection, first, original)?;
        copy(connection, first + offsets.tuplehash_size, reply)?;
        Some(info >= IS_REPLY)
    }
}

/// Inode number of the network namespace that the `net_device` at an address is in.
#[inline(always)]
pub fn netns_of_device(device: u64) -> u32 {
    inode(read(device, OFFSETS.load().dev_nd_net).unwrap_or(0))
}

/// Inode number of the network namespace at an address.
#[inline(always)]
pub fn inode(namespace: u64) -> u32 {
    read(namespace, OFFSETS.load().net_inum).unwrap_or(0)
}

/// Reads one tuple and writes it in our form.
#[inline(always)]
fn copy(connection: u64, offset: u32, to: *mut Tuple) -> Option<()> {
    let tuple: ConntrackTuple = read(connection, offset)?;
    // SAFETY: the caller's pointers are to tuples of the event that it writes.
    unsafe {
        if tuple.family == AF_INET {
            let [a, b, c, d, ..] = tuple.src;
            volatile::map_ipv4(&raw mut (*to).src, u32::from_ne_bytes([a, b, c, d]));
            let [a, b, c, d, ..] = tuple.dst;
            volatile::map_ipv4(&raw mut (*to).dst, u32::from_ne_bytes([a, b, c, d]));
        } else {
            (*to).src = tuple.src;
            (*to).dst = tuple.dst;
        }
        (*to).src_port = u16::from_be(tuple.src_port);
        (*to).dst_port = u16::from_be(tuple.dst_port);
        (*to).protocol = tuple.protocol;
    }
    Some(())
}

/// Reads kernel memory; `None` where nothing is mapped. `T` is integers alone.
#[inline(always)]
pub fn read<T>(base: u64, offset: u32) -> Option<T> {
    // SAFETY: the helper checks the address and fails where nothing is mapped.
    unsafe { bpf_probe_read_kernel((base + u64::from(offset)) as *const T) }.ok()
}
