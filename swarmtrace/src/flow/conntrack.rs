//! Which side of a conntrack entry a packet is on.

use super::leg::Leg;
use swarmtrace_common::Tuple;

/// A side of a conntrack entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The packet goes the way of the one that opened the connection.
    Original,
    /// It goes the other way.
    Reply,
}

impl Side {
    /// The leg of the ORIGINAL tuple, given the leg of the packet on this side.
    #[must_use]
    pub const fn leg_of_original(self, leg: Leg) -> Leg {
        match self {
            Self::Original => leg,
            Self::Reply => leg.opposite(),
        }
    }
}

/// The side of the entry that a packet with those addresses is on, before or behind
/// the entry's translation; `None` if the entry knows no such addresses.
///
/// Relied on: conntrack's REPLY tuple is the ORIGINAL one after translation, reversed,
/// so a packet of the original direction has the addresses `original` before the
/// translation and `reply.reversed()` behind it.
pub fn side_of(tuple: &Tuple, original: &Tuple, reply: &Tuple) -> Option<Side> {
    if tuple == original || *tuple == reply.reversed() {
        Some(Side::Original)
    } else if tuple == reply || *tuple == original.reversed() {
        Some(Side::Reply)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(src: &str, dst: &str) -> Tuple {
        Tuple::new(6, src.parse().unwrap(), dst.parse().unwrap())
    }

    #[test]
    fn both_sides_of_a_translation_are_known() {
        let original = tuple("192.0.2.1:40000", "198.51.100.1:8080");
        let reply = tuple("10.0.0.5:80", "192.0.2.1:40000");
        let side = |tuple: &Tuple| side_of(tuple, &original, &reply);
        assert_eq!(side(&original), Some(Side::Original));
        assert_eq!(side(&reply.reversed()), Some(Side::Original));
        assert_eq!(side(&reply), Some(Side::Reply));
        assert_eq!(side(&original.reversed()), Some(Side::Reply));
        assert_eq!(side(&tuple("192.0.2.1:1", "192.0.2.2:2")), None);
    }
}
