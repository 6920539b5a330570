//! How many instructions the kernel side executes for a packet.
//!
//! Where there are no hardware counters, nothing else says so for certain: the
//! very object that swarmtrace loads is run here by an interpreter of eBPF that
//! counts. What the kernel's helpers do inside is not counted, nor is what the
//! verifier takes out beforehand or puts in instead of a helper. The interpreter
//! trusts nothing: an access outside of what a program may touch, or anything
//! that it does not know, is a panic that names the instruction.

mod arithmetic;
mod cases;
mod kernel;
mod loaded;
mod machine;
mod memory;

pub use cases::{CASES, Case};
pub use kernel::Kernel;
pub use loaded::{Loaded, Run};
pub use machine::{Instruction, execute};
pub use memory::{Access, Memory};
