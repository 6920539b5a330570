//! One file a subcommand.

pub mod join;
