//! iptables' rules, understood far enough to follow a packet.
//!
//! `iptables-save`'s text is the one stable interface to both of iptables' kernels
//! (legacy and nft). A match that is not known here is kept as [`Asks::Unknown`]:
//! the rule then may or may not apply, rather than not apply.
//!
//! Relied on: iptables-save(8), iptables-extensions(8); rules that Docker
//! writes (moby, `libnetwork/service_linux.go`, libnetwork/iptables).

mod conditions;
mod options;
mod parse;
mod ruleset;
mod target;
mod walker;
mod words;

pub use ruleset::{
    AddressType, Asks, Chain, ConnectionState, Match, Policy, Rule, Ruleset, Table, Target,
};
