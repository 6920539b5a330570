//! What swarmtrace needs of the operating system, each once: network namespaces, netlink,
//! files that are replaced atomically. Every other room may use it; it uses none.

pub mod atomic_file;
pub mod clock;
pub mod kernel_names;
pub mod netlink;
pub mod netns;
pub mod protocol;
