//! The addresses of one flow, each pair once.
//!
//! Kept in the direction of the forward leg. IPv4, which is nearly everything,
//! takes 12 bytes a pair; a flow changes to full-width storage with its first
//! IPv6 pair.

use super::leg::Leg;
use crate::sys::protocol::Protocol;
use swarmtrace_common::Tuple;

const V4_PREFIX: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/// Most pairs of one flow: each is named by 7 bits and a direction.
pub(super) const MAX: usize = 127;

#[derive(Debug)]
enum Pairs {
    V4(Vec<[u8; 12]>),
    Any(Vec<[u8; 36]>),
}

/// A flow's pairs.
#[derive(Debug)]
pub(super) struct Tuples {
    pairs: Pairs,
    protocol: Protocol,
}

/// A pair's number and the leg whose direction is meant, in one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TupleRef(u8);

impl TupleRef {
    pub const NONE: Self = Self(u8::MAX);

    pub fn new(index: u8, leg: Leg) -> Self {
        Self(index << 1 | u8::from(leg == Leg::Reply))
    }

    pub fn index(self) -> Option<u8> {
        (self != Self::NONE).then_some(self.0 >> 1)
    }

    pub fn leg(self) -> Leg {
        if self.0 & 1 == 0 {
            Leg::Forward
        } else {
            Leg::Reply
        }
    }
}

impl Tuples {
    pub fn new(protocol: Protocol) -> Self {
        Self {
            pairs: Pairs::V4(Vec::new()),
            protocol,
        }
    }

    pub fn len(&self) -> usize {
        match &self.pairs {
            Pairs::V4(list) => list.len(),
            Pairs::Any(list) => list.len(),
        }
    }

    /// Where the tuple stands and which leg's direction it has.
    pub fn find(&self, tuple: &Tuple) -> Option<TupleRef> {
        if tuple.protocol != self.protocol.number() {
            return None;
        }
        match &self.pairs {
            Pairs::V4(list) => {
                let there = v4(tuple)?;
                let back = v4(&tuple.reversed())?;
                seek(list, &there, &back)
            }
            Pairs::Any(list) => seek(list, &full(tuple), &full(&tuple.reversed())),
        }
    }

    /// Adds a tuple of the forward direction; `None` if there are too many.
    pub fn add(&mut self, forward: &Tuple) -> Option<TupleRef> {
        let index = u8::try_from(self.len())
            .ok()
            .filter(|i| usize::from(*i) < MAX)?;
        if let Pairs::V4(list) = &self.pairs
            && v4(forward).is_none()
        {
            let wide = list.iter().map(|pair| full(&from_v4(pair, self.protocol)));
            self.pairs = Pairs::Any(wide.collect());
        }
        match &mut self.pairs {
            Pairs::V4(list) => {
                list.reserve_exact(if list.is_empty() { 3 } else { 1 });
                list.push(v4(forward)?);
            }
            Pairs::Any(list) => list.push(full(forward)),
        }
        Some(TupleRef::new(index, Leg::Forward))
    }

    /// The tuple, in the direction that the reference has.
    pub fn get(&self, tuple: TupleRef) -> Option<Tuple> {
        let index = usize::from(tuple.index()?);
        let forward = match &self.pairs {
            Pairs::V4(list) => from_v4(list.get(index)?, self.protocol),
            Pairs::Any(list) => from_full(list.get(index)?, self.protocol),
        };
        Some(match tuple.leg() {
            Leg::Forward => forward,
            Leg::Reply => forward.reversed(),
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = Tuple> + '_ {
        (0..self.len()).filter_map(|index| {
            let index = u8::try_from(index).ok()?;
            self.get(TupleRef::new(index, Leg::Forward))
        })
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        match &self.pairs {
            Pairs::V4(list) => list.capacity() * 12,
            Pairs::Any(list) => list.capacity() * 36,
        }
    }
}

fn seek<const N: usize>(list: &[[u8; N]], there: &[u8; N], back: &[u8; N]) -> Option<TupleRef> {
    list.iter().enumerate().find_map(|(index, pair)| {
        let index = u8::try_from(index).ok()?;
        if pair == there {
            Some(TupleRef::new(index, Leg::Forward))
        } else if pair == back {
            Some(TupleRef::new(index, Leg::Reply))
        } else {
            None
        }
    })
}

fn v4(tuple: &Tuple) -> Option<[u8; 12]> {
    if tuple.src[..12] != V4_PREFIX || tuple.dst[..12] != V4_PREFIX {
        return None;
    }
    let mut pair = [0; 12];
    pair[..4].copy_from_slice(&tuple.src[12..]);
    pair[4..8].copy_from_slice(&tuple.dst[12..]);
    pair[8..10].copy_from_slice(&tuple.src_port.to_le_bytes());
    pair[10..].copy_from_slice(&tuple.dst_port.to_le_bytes());
    Some(pair)
}

fn from_v4(pair: &[u8; 12], protocol: Protocol) -> Tuple {
    let mut tuple = Tuple {
        protocol: protocol.number(),
        ..Tuple::default()
    };
    tuple.src[..12].copy_from_slice(&V4_PREFIX);
    tuple.dst[..12].copy_from_slice(&V4_PREFIX);
    tuple.src[12..].copy_from_slice(&pair[..4]);
    tuple.dst[12..].copy_from_slice(&pair[4..8]);
    tuple.src_port = u16::from_le_bytes([pair[8], pair[9]]);
    tuple.dst_port = u16::from_le_bytes([pair[10], pair[11]]);
    tuple
}

fn full(tuple: &Tuple) -> [u8; 36] {
    let mut pair = [0; 36];
    pair[..16].copy_from_slice(&tuple.src);
    pair[16..32].copy_from_slice(&tuple.dst);
    pair[32..34].copy_from_slice(&tuple.src_port.to_le_bytes());
    pair[34..].copy_from_slice(&tuple.dst_port.to_le_bytes());
    pair
}

fn from_full(pair: &[u8; 36], protocol: Protocol) -> Tuple {
    let mut tuple = Tuple {
        protocol: protocol.number(),
        ..Tuple::default()
    };
    tuple.src.copy_from_slice(&pair[..16]);
    tuple.dst.copy_from_slice(&pair[16..32]);
    tuple.src_port = u16::from_le_bytes([pair[32], pair[33]]);
    tuple.dst_port = u16::from_le_bytes([pair[34], pair[35]]);
    tuple
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(src: &str, dst: &str) -> Tuple {
        Tuple::new(6, src.parse().unwrap(), dst.parse().unwrap())
    }

    #[test]
    fn both_families_come_back_as_they_went_in() {
        let v4 = tuple("192.0.2.1:40000", "10.0.0.5:80");
        let v6 = tuple("[2001:db8::1]:40000", "[2001:db8::2]:80");
        let mut tuples = Tuples::new(Protocol::Tcp);
        let first = tuples.add(&v4).unwrap();
        assert_eq!(tuples.find(&v4.reversed()).unwrap().leg(), Leg::Reply);
        let second = tuples.add(&v6).unwrap();
        assert_eq!(tuples.get(first), Some(v4));
        assert_eq!(tuples.get(second), Some(v6));
        assert_eq!(tuples.find(&v4), Some(first));
        assert_eq!(tuples.iter().collect::<Vec<_>>(), [v4, v6]);
    }

    #[test]
    fn there_is_a_last_pair() {
        let mut tuples = Tuples::new(Protocol::Tcp);
        for port in 0..200 {
            let next = tuple(&format!("10.0.0.1:{port}"), "10.0.0.2:80");
            assert_eq!(tuples.add(&next).is_some(), usize::from(port as u16) < MAX);
        }
    }
}
