//! From what a packet carries to the flows it may belong to.
//!
//! Two tables of eight bytes an entry: by addresses, in either direction and in
//! whichever namespace, and by number (a TCP client's initial sequence number,
//! or what a UDP datagram is recognised by). Entries are 32-bit fingerprints,
//! so a hit is only a suggestion: the flow itself has the last word. Several
//! flows may stand behind one fingerprint, which is how a tuple's reuse and two
//! connections with one sequence number are kept apart. The fingerprints are
//! seeded, because clients choose what is hashed.

use hashbrown::HashTable;
use std::hash::{BuildHasher, RandomState};
use swarmtrace_common::Tuple;

#[derive(Clone, Copy)]
struct Entry {
    print: u32,
    slot: u32,
}

/// Fingerprint → slots.
pub(super) struct Table(HashTable<Entry>);

impl Table {
    pub fn new() -> Self {
        Self(HashTable::new())
    }

    pub fn add(&mut self, print: u32, slot: u32) {
        let entry = Entry { print, slot };
        self.0
            .insert_unique(spread(print), entry, |e| spread(e.print));
    }

    pub fn remove(&mut self, print: u32, slot: u32) {
        let found = self
            .0
            .find_entry(spread(print), |e| e.print == print && e.slot == slot);
        if let Ok(entry) = found {
            entry.remove();
        }
    }

    pub fn slots(&self, print: u32) -> impl Iterator<Item = u32> + '_ {
        self.0
            .iter_hash(spread(print))
            .filter(move |e| e.print == print)
            .map(|e| e.slot)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.0.allocation_size()
    }
}

/// Makes fingerprints.
#[derive(Clone, Copy)]
pub(super) struct Printer {
    seed: u64,
}

impl Printer {
    pub fn new() -> Self {
        Self {
            seed: RandomState::new().hash_one(0u8),
        }
    }

    /// The same for a tuple and its reverse.
    pub fn tuple(&self, tuple: &Tuple) -> u32 {
        let sum = self
            .endpoint(&tuple.src, tuple.src_port)
            .wrapping_add(self.endpoint(&tuple.dst, tuple.dst_port));
        fold(sum ^ u64::from(tuple.protocol), self.seed)
    }

    pub fn isn(&self, isn: u32) -> u32 {
        fold(u64::from(isn), self.seed)
    }

    pub fn datagram(&self, ip_id: u16, length: u32, tag: u32) -> u32 {
        let low = u64::from(tag) << 32 | u64::from(length);
        fold(low ^ u64::from(ip_id) << 48, self.seed)
    }

    fn endpoint(&self, address: &[u8; 16], port: u16) -> u64 {
        let number = u128::from_le_bytes(*address);
        let low = number as u64 ^ self.seed;
        let high = (number >> 64) as u64 ^ u64::from(port) ^ 0x9e37_79b9_7f4a_7c15;
        multiply(low, high)
    }
}

fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a | 1) * u128::from(b | 1);
    product as u64 ^ (product >> 64) as u64 ^ a.rotate_left(23) ^ b
}

fn fold(value: u64, seed: u64) -> u32 {
    let mixed = multiply(value ^ seed, 0xd6e8_feb8_6659_fd93);
    (mixed ^ mixed >> 32) as u32
}

fn spread(print: u32) -> u64 {
    u64::from(print).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuple_and_its_reverse_share_a_fingerprint() {
        let printer = Printer::new();
        let tuple = Tuple::new(
            6,
            "192.0.2.1:40000".parse().unwrap(),
            "198.51.100.1:80".parse().unwrap(),
        );
        assert_eq!(printer.tuple(&tuple), printer.tuple(&tuple.reversed()));
    }

    #[test]
    fn a_table_keeps_several_slots_apart() {
        let mut table = Table::new();
        table.add(7, 1);
        table.add(7, 2);
        table.remove(7, 1);
        assert_eq!(table.slots(7).collect::<Vec<_>>(), [2]);
    }
}
