//! Where the running kernel keeps what the programs read, and what they count.

/// Field offsets in bytes, read from the running kernel's BTF by user space and
/// set as the `OFFSETS` global before loading.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// `sk_buff.dev`
    pub skb_dev: u32,
    /// `sk_buff._nfct`; `u32::MAX` where conntrack is not compiled in.
    pub skb_nfct: u32,
    /// `net_device.nd_net` (a `possible_net_t`, whose first field is the pointer).
    pub dev_nd_net: u32,
    /// `net.ns.inum`
    pub net_inum: u32,
    /// `nf_conn.tuplehash`; `u32::MAX` where `nf_conntrack`'s BTF could not be read.
    pub conn_tuplehash: u32,
    /// Size of `nf_conntrack_tuple_hash`.
    pub tuplehash_size: u32,
    /// `nf_conntrack_tuple_hash.tuple`
    pub tuplehash_tuple: u32,
    /// Always 0.
    pub padding: u32,
}

/// What the kernel side counts: indexes into the entries of the per-CPU array map
/// `COUNTERS`, each a `[u64; COUNT]`. Their sum is what counts: a program that may
/// be interrupted by another of its kind counts in an entry of its own.
pub mod counters {
    /// Packets that reached a tap.
    pub const SEEN: u32 = 0;
    /// Packets that matched the filter.
    pub const MATCHED: u32 = 1;
    /// Events of packets at taps written to the ring buffer.
    pub const REPORTED: u32 = 2;
    /// Events lost because the ring buffer was full.
    pub const LOST: u32 = 3;
    /// Records of drops and resets written to the ring buffer.
    pub const FATES: u32 = 4;
    /// How many counters there are.
    pub const COUNT: u32 = 5;
    /// How many entries there are.
    pub const DEPTHS: u32 = 4;
}

// SAFETY: `repr(C)`, made of integers alone, without implicit padding.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Offsets {}
