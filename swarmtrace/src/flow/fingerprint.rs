//! Fingerprints: 32 bits for what is looked up in the store's tables.
//!
//! They are seeded, because clients choose what is hashed.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a hash mixes halves of a product, and keeps the bits it needs"
)]

use std::hash::{BuildHasher, RandomState};
use swarmtrace_common::Tuple;

/// Makes fingerprints, of one seed.
#[derive(Clone, Copy)]
pub(super) struct Fingerprints {
    seed: u64,
}

impl Fingerprints {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuple_and_its_reverse_share_a_fingerprint() {
        let fingerprints = Fingerprints::new();
        let tuple = Tuple::new(
            6,
            "192.0.2.1:40000".parse().unwrap(),
            "198.51.100.1:80".parse().unwrap(),
        );
        assert_eq!(
            fingerprints.tuple(&tuple),
            fingerprints.tuple(&tuple.reversed())
        );
    }
}
