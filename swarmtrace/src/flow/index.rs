//! From what a packet carries to the flows it may belong to.
//!
//! The store has two such tables of eight bytes an entry: by addresses, in either
//! direction and in whichever namespace, and by number (a TCP client's initial
//! sequence number, or what identifies a UDP datagram). Entries are 32-bit
//! fingerprints, so a hit is only a suggestion: the flow itself decides. Several flows
//! may stand behind one fingerprint, which is how a tuple's reuse and two connections
//! with one sequence number are kept apart.

use hashbrown::HashTable;

#[derive(Clone, Copy)]
struct Entry {
    fingerprint: u32,
    slot: u32,
}

/// Fingerprint → slots.
pub(super) struct Table(HashTable<Entry>);

impl Table {
    pub fn new() -> Self {
        Self(HashTable::new())
    }

    pub fn add(&mut self, fingerprint: u32, slot: u32) {
        let entry = Entry { fingerprint, slot };
        self.0
            .insert_unique(spread(fingerprint), entry, |e| spread(e.fingerprint));
    }

    pub fn remove(&mut self, fingerprint: u32, slot: u32) {
        let found = self.0.find_entry(spread(fingerprint), |e| {
            e.fingerprint == fingerprint && e.slot == slot
        });
        if let Ok(entry) = found {
            entry.remove();
        }
    }

    pub fn slots(&self, fingerprint: u32) -> impl Iterator<Item = u32> + '_ {
        self.0
            .iter_hash(spread(fingerprint))
            .filter(move |e| e.fingerprint == fingerprint)
            .map(|e| e.slot)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.0.allocation_size()
    }
}

fn spread(fingerprint: u32) -> u64 {
    u64::from(fingerprint).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_several_slots_apart() {
        let mut table = Table::new();
        table.add(7, 1);
        table.add(7, 2);
        table.remove(7, 1);
        assert_eq!(table.slots(7).collect::<Vec<_>>(), [2]);
    }
}
