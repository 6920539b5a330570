//! Runs of the programs that measure swarmtrace, for `cargo xtask bench`.
//!
//! The programs are binaries of the package `benches`, which links swarmtrace and
//! its kernel side. This package only builds and runs them ([`program`]), so that
//! xtask builds on a machine that cannot build those yet.

pub mod bench;
mod compare;
pub mod program;
