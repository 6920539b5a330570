//! A verdict below its timeline.

pub mod text;
