//! nftables' own tables, and walking a packet through their chains.
//!
//! `nft -j list ruleset` is read object by object, and a rule's statements are kept as
//! JSON until a packet reaches them: what one version of nft adds makes one rule
//! "perhaps", and not the whole rule set unreadable. (The crate `nftables` has types for
//! this JSON, but a statement with one unknown expression has no value in them.)
//!
//! Relied on: libnftables-json(5), nft(8).

mod expression;
mod listing;
mod lookup;
mod ruleset;
mod statement;
mod value;
mod walker;

pub use ruleset::{Base, Chain, NotRules, Rule, Ruleset, Table};
