//! Where a packet ends in iptables' rules.
//!
//! Searching rules by their text finds what one version of Docker writes, and misses
//! another rule that comes first. So a packet is walked through the chains instead. It
//! may be known only in part (any client), and rules may have conditions that are not
//! known here; such a rule may or may not apply, and the walk continues both ways. The
//! result is every possible ending.

mod conditions;
mod packet;
mod walker;

pub use packet::{Ending, Fate, Packet, Walk};
pub use walker::Rules;
