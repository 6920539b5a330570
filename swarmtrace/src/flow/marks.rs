//! What happened to a flow so far.

use bitflags::bitflags;

bitflags! {
    /// What happened to an open flow so far.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Marks: u16 {
        /// The SYN (UDP: a datagram of the client's) was seen.
        const START_SEEN = 1 << 0;
        /// A SYN-ACK (UDP: a datagram of the server's) was seen.
        const ANSWERED = 1 << 1;
        /// First data of the client's.
        const REQUEST = 1 << 2;
        /// First data of the server's.
        const RESPONSE = 1 << 3;
        const CLIENT_FIN = 1 << 4;
        const SERVER_FIN = 1 << 5;
        const RESET = 1 << 6;
        /// An ICMP error about it.
        const ICMP = 1 << 7;
        /// It was emitted.
        const EMITTED = 1 << 8;
        /// It is to be emitted once more.
        const CHANGED = 1 << 9;
        /// Its addresses belong to a newer flow.
        const SUPERSEDED = 1 << 10;
        /// Its first packet was a reset: its sequence numbers are not known.
        const LATE = 1 << 11;
        /// It was due to be emitted, and withheld because nothing failed.
        const WITHHELD = 1 << 12;
        /// Both ends sent a FIN.
        const CLOSED = Self::CLIENT_FIN.bits() | Self::SERVER_FIN.bits();
    }
}
