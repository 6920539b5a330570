//! What people and programs get to see.

pub mod json;
pub mod latency;
pub mod paint;
pub mod text;
pub mod verdict;
