//! What a real Swarm is asked on each kernel: a function for each test of `vm_*`,
//! which the kernel matrix uses as well.

pub mod ci;
pub mod doctor;
pub mod flows;
pub mod life;
pub mod probe;
