//! The report of `features`.

pub mod text;
