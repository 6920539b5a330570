//! What a check depends on.

/// Something that can be unreadable, so that the checks that depend on it are
/// incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Docker's answers.
    Docker,
    /// Namespaces, devices, IPVS tables, neighbour and forwarding entries.
    Kernel,
    /// iptables' rules.
    Rules,
    /// Kernel settings.
    Sysctls,
    /// Listening sockets and their processes.
    Sockets,
    /// Kernel modules.
    Modules,
    /// Drivers and offloads.
    Nics,
    /// Routes to other nodes.
    Routes,
    /// Security associations.
    Encryption,
}
