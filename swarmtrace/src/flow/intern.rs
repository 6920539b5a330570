//! Small numbers for what many flows share: where packets are seen and how they
//! look there, and VXLAN tunnels.

use super::tuples::TupleRef;
use crate::sys::device::DeviceRef;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::hash::Hash;
use swarmtrace_common::{Direction, Tuple};

/// A tap: where and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tap {
    pub at: DeviceRef,
    pub way: Direction,
}

/// A tap and a packet's looks at it. Addresses are numbers within the flow,
/// given in the order in which they were seen: connections that take one path
/// share its spots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Spot {
    pub tap: Tap,
    pub tuple: TupleRef,
    pub original: TupleRef,
    pub reply: TupleRef,
    /// Which of the flow's ICMP errors; `u8::MAX`: none.
    pub icmp: u8,
    /// Which tunnel; `u16::MAX`: none.
    pub tunnel: u16,
    pub mark: u32,
    /// See [`Sighting::other_host`](super::Sighting::other_host).
    pub other_host: bool,
}

/// A VXLAN tunnel: identifier and outer addresses, without the outer source
/// port (it follows the inner packet's hash and means nothing).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tunnel {
    pub vni: u32,
    pub outer: Tuple,
}

/// Numbers things in the order they are first seen.
pub(super) struct Interner<T> {
    /// Looked up for every event, so by a fast hash; seeded, because tunnels' addresses
    /// come from the wire.
    numbers: HashMap<T, u16, RandomState>,
    things: Vec<T>,
}

impl<T: Copy + Eq + Hash> Interner<T> {
    pub fn new() -> Self {
        Self {
            numbers: HashMap::default(),
            things: Vec::new(),
        }
    }

    /// The thing's number; `None` once every number is taken.
    pub fn number(&mut self, thing: T) -> Option<u16> {
        if let Some(number) = self.numbers.get(&thing) {
            return Some(*number);
        }
        let number = u16::try_from(self.things.len())
            .ok()
            .filter(|n| *n != u16::MAX)?;
        self.numbers.insert(thing, number);
        self.things.push(thing);
        Some(number)
    }

    pub fn get(&self, number: u16) -> Option<T> {
        self.things.get(usize::from(number)).copied()
    }

    /// Whether numbers are about to run out.
    pub fn nearly_full(&self) -> bool {
        self.things.len() > 60_000
    }

    /// Forgets everything that `used` does not name and returns the old
    /// numbers' new ones.
    pub fn compact(&mut self, used: impl Fn(u16) -> bool) -> Vec<Option<u16>> {
        let old = std::mem::take(&mut self.things);
        self.numbers.clear();
        old.into_iter()
            .enumerate()
            .map(|(index, thing)| {
                let kept = u16::try_from(index).is_ok_and(&used);
                kept.then(|| self.number(thing)).flatten()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_run_out_without_a_panic() {
        let mut interner = Interner::new();
        for thing in 0..70_000u32 {
            let number = interner.number(thing);
            assert_eq!(number.is_some(), thing < 65_535);
        }
        assert!(interner.nearly_full());
    }

    #[test]
    fn compacting_keeps_what_is_used() {
        let mut interner = Interner::new();
        for thing in ["a", "b", "c"] {
            interner.number(thing);
        }
        assert_eq!(interner.compact(|n| n != 1), [Some(0), None, Some(1)]);
        assert_eq!(interner.get(1), Some("c"));
        assert_eq!(interner.number("b"), Some(2));
    }
}
