//! Capture.

pub mod btf;
