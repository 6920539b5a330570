//! The list of formats.

pub mod text;
