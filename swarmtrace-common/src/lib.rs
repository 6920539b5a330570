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
mod flags;
mod kernel;
pub mod names;

#[cfg(feature = "user")]
pub use event::mapped;
pub use event::{Direction, EventKind, PacketEvent, Tuple, UnknownValue};
pub use fate::{FateEvent, FateOffsets, NO_REASON};
pub use filter::{Endpoint, Mode, PortSet, Settings};
pub use flags::{EndpointKinds, PacketFlags, TcpFlags};
pub use kernel::{Offsets, counters};
pub use names::NAME_PREFIX;
