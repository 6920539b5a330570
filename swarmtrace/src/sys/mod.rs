//! What swarmtrace needs of the operating system, each once: clocks, network namespaces
//! and their devices, netlink, protocols, capabilities, the kernel's release and its
//! names for numbers, files that are replaced atomically. Every other room may use it;
//! it uses none.

pub mod atomic_file;
pub mod capabilities;
pub mod clock;
pub mod device;
pub mod kernel;
pub mod kernel_names;
pub mod netlink;
pub mod netns;
pub mod programs;
pub mod protocol;
