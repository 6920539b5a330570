//! The latency table of `follow` and `join`.

pub mod text;
