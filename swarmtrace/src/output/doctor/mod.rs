//! The report of `doctor`.

pub mod text;
