//! What a person or a program reads.

pub mod verdict;
