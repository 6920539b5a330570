//! The part of the Swarm that one VM is.

use serde::{Deserialize, Serialize};

/// What a VM is: both Swarm nodes, or one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Both nodes, each in namespaces of its own.
    Both,
    /// The first node, and the external client.
    A,
    /// The second node.
    B,
}

impl Role {
    /// As the kernel command line and the file names have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// Memory, in MiB.
    pub fn memory(self) -> u32 {
        match self {
            Self::Both => 1536,
            Self::A | Self::B => 1024,
        }
    }
}
