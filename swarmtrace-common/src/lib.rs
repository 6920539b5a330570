//! The bytes that cross from the kernel side to the user side, and nothing else.
//!
//! Every type here is `#[repr(C)]` with its padding spelled out, so that both
//! sides agree on each byte and the kernel side never copies uninitialised
//! memory into the ring buffer.
//!
//! Addresses are always 16 bytes: IPv6 as it is, IPv4 as `::ffff:a.b.c.d`
//! (RFC 4291, section 2.5.5.2). Ports and all other numbers are in host order.
#![no_std]

#[cfg(feature = "user")]
extern crate std;

mod event;
mod fate;
mod filter;
mod kernel;

#[cfg(feature = "user")]
pub use event::mapped;
pub use event::{Direction, EventKind, PacketEvent, Tuple, flags, tcp};
pub use fate::{FateEvent, FateOffsets, NO_REASON};
pub use filter::{Endpoint, Mode, PortSet, Settings, endpoint_kinds};
pub use kernel::{Offsets, counters};

/// Name prefix of every program and filter that swarmtrace attaches. Sweeps for
/// leftovers recognise them by it (the kernel keeps 15 characters of a name).
pub const NAME_PREFIX: &str = "swarmtrace";
