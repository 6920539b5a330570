//! The rules of one network namespace, and where a packet ends in them.
//!
//! Searching rules by their text finds what one program writes, and misses another rule
//! that comes first. So a packet is walked through the rules on paper: through every
//! base chain of a hook, of iptables (both kernels, IPv4 and IPv6) and of nftables, in
//! the order of their priorities ([`Firewall::traverse`]). The packet may be known only
//! in part (any client), and rules may have conditions that are not understood here;
//! such a rule may or may not apply, and the walk continues both ways. The result is
//! every possible ending, with the rule that decides it.
//!
//! Relied on: `nf_hook_slow` (net/netfilter/core.c): an accepting chain does not keep
//! the packet from later chains, a drop does.

mod course;
mod fate;
mod hook;
pub mod iptables;
pub mod nft;
mod packet;
mod quote;
mod read;
mod rules;
mod traverse;

#[cfg(test)]
mod tests;

pub use fate::{By, Ending, Fate, RejectWith, Traversal};
pub use hook::Hook;
pub use packet::{Connection, Packet};
pub use quote::{Backend, Family, Quote, Unread};
pub use read::Programs;
pub use rules::Firewall;
