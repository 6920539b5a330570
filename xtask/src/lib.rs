//! swarmtrace's own chores, as a library for the tests and as `cargo xtask`.
//!
//! * [`setup`] installs what a Debian machine lacks to build and test.
//! * [`vm`] runs a real two-node Docker Swarm in QEMU and restores it in
//!   seconds; tests drive it through [`vm::Vm`].

pub mod bench;
pub mod cargo;
pub mod compare;
pub mod demo;
pub mod limits;
pub mod lint;
pub mod lock;
pub mod matrix;
pub mod scenario;
pub mod setup;
pub mod spread;
pub mod step;
pub mod test;
pub mod vm;
pub mod vm_bench;
