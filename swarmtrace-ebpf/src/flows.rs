//! What the programs remember of flows, an entry for each direction as it looks
//! at a tap.
//!
//! TCP: the initial sequence number, which tells the first data segment from the
//! rest; taps share an entry as long as no NAT lies between them. Datagrams: when
//! the last one came, a tap each.
//!
//! The table is an array of small sets, found and distinguished by a mix of the
//! addresses: no lock, no allocation, a fraction of what a hash map costs. A new
//! entry pushes the older of its set out. What that can cost, like a race of two
//! CPUs or two flows with one key (1 in 2^64), is one event too few or too many.

use aya_ebpf::macros::map;
use aya_ebpf::maps::Array;
use swarmtrace_common::Tuple;

/// A power of two.
const SETS: u32 = 1 << 17;

#[map]
static FLOWS: Array<Set> = Array::with_max_entries(SETS, 0);

/// 4 MiB of them.
#[repr(C)]
struct Set {
    newer: Entry,
    older: Entry,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Entry {
    key: u64,
    value: u64,
}

/// What an entry is found by.
#[derive(Clone, Copy)]
pub struct FlowKey(u64);

/// What is remembered of one direction of a TCP flow.
#[derive(Clone, Copy)]
pub struct Opening {
    /// The initial sequence number of this direction.
    pub isn: u32,
    /// The client's initial sequence number, which every tap agrees on.
    pub client: u32,
}

impl FlowKey {
    /// The direction that a packet with these addresses goes in.
    #[inline(always)]
    pub fn of(tuple: &Tuple, tap: u64) -> Self {
        let [src, dst] = addresses(tuple);
        Self::mix(
            src,
            dst,
            tuple.src_port,
            tuple.dst_port,
            tuple.protocol,
            tap,
        )
    }

    /// The direction that answers to it go in.
    #[inline(always)]
    pub fn of_answer(tuple: &Tuple, tap: u64) -> Self {
        let [src, dst] = addresses(tuple);
        Self::mix(
            dst,
            src,
            tuple.dst_port,
            tuple.src_port,
            tuple.protocol,
            tap,
        )
    }

    #[inline(always)]
    fn mix(src: [u64; 2], dst: [u64; 2], from: u16, to: u16, protocol: u8, tap: u64) -> Self {
        let rest = u64::from(from) | u64::from(to) << 16 | u64::from(protocol) << 32;
        let mut key = tap ^ 0x9e37_79b9_7f4a_7c15;
        for word in [src[0], src[1], dst[0], dst[1], rest] {
            key = (key ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
            key ^= key >> 32;
        }
        // 0 stands for an entry that is free.
        Self(key | 1)
    }

    #[inline(always)]
    fn set(self) -> Option<*mut Set> {
        FLOWS.get_ptr_mut((self.0 >> 1) as u32 & (SETS - 1))
    }

    /// The entry with this key, if there is one.
    #[inline(always)]
    fn entry(self) -> Option<*mut Entry> {
        let set = self.set()?;
        // SAFETY: map memory lives while the program runs; entries are aligned
        // words, so a read beside another CPU's write gives the one or the other.
        unsafe {
            if (*set).newer.key == self.0 {
                Some(&raw mut (*set).newer)
            } else if (*set).older.key == self.0 {
                Some(&raw mut (*set).older)
            } else {
                None
            }
        }
    }

    #[inline(always)]
    fn value(self) -> Option<u64> {
        // SAFETY: as in `entry`.
        self.entry().map(|entry| unsafe { (*entry).value })
    }

    #[inline(always)]
    fn put(self, value: u64) {
        // SAFETY: as in `entry`.
        unsafe {
            if let Some(entry) = self.entry() {
                (*entry).value = value;
            } else if let Some(set) = self.set() {
                (*set).older = (*set).newer;
                (*set).newer.value = value;
                (*set).newer.key = self.0;
            }
        }
    }

    /// Forgets the entry.
    #[inline(always)]
    pub fn forget(self) {
        if let Some(entry) = self.entry() {
            // SAFETY: as in `entry`.
            unsafe { (*entry).key = 0 };
        }
    }

    /// What is remembered of this direction of a TCP flow.
    #[inline(always)]
    pub fn opening(self) -> Option<Opening> {
        self.value().map(|value| Opening {
            isn: value as u32,
            client: (value >> 32) as u32,
        })
    }

    /// Remembers this direction of a TCP flow.
    #[inline(always)]
    pub fn open(self, opening: Opening) {
        self.put(u64::from(opening.isn) | u64::from(opening.client) << 32);
    }

    /// Records a datagram now; returns when the one before it came, if one did.
    #[inline(always)]
    pub fn record_datagram(self, now: u64) -> Option<u64> {
        let before = self.value();
        self.put(now);
        before
    }
}

#[inline(always)]
fn addresses(tuple: &Tuple) -> [[u64; 2]; 2] {
    let tuple: *const Tuple = tuple;
    // SAFETY: a tuple is aligned to 8 and begins with its two addresses.
    unsafe { *tuple.cast() }
}
