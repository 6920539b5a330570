//! Counts the instructions that the kernel side executes for a packet, with an
//! interpreter of eBPF: the count is exact and the same on every machine, also
//! where there are no hardware counters.
//!
//! Real here: the object that swarmtrace loads, byte for byte, and the packets. Not
//! real: the kernel. Helpers are imitated and not counted, nor is the code that the
//! verifier removes or puts in place of a helper; no packet has a conntrack entry.
//! An access outside of what a program may touch, an unknown instruction or helper
//! is a panic that names the instruction.

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
