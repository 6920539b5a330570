//! The report of `probe`.

pub mod text;
