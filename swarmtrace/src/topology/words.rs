//! The words of Docker and the kernel, as types.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// An enum of words that the kernel or Docker writes. A word that it does not
/// have is read as `Unknown`.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$about])* $variant,)*
            /// A word that is not known here.
            #[default]
            Unknown,
        }

        impl $name {
            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Unknown => "unknown",
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)*
                    _ => Self::Unknown,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(String::deserialize(deserializer)?.as_str().into())
            }
        }
    )*};
}

words! {
    /// How far a task has come (moby/swarmkit, api/types.proto `TaskState`).
    TaskState {
        /// Created; no resources allocated yet.
        New = "new",
        /// Has its networks' addresses.
        Allocated = "allocated",
        /// Allocated and waits for a node.
        Pending = "pending",
        /// Given to a node.
        Assigned = "assigned",
        /// The node takes it.
        Accepted = "accepted",
        /// The node pulls its image and creates its container.
        Preparing = "preparing",
        /// Its container can be started.
        Ready = "ready",
        /// Its container is being started; its health check has not passed yet.
        Starting = "starting",
        /// Runs, and is balanced to.
        Running = "running",
        /// Its process ended with success.
        Complete = "complete",
        /// Stopped on request.
        Shutdown = "shutdown",
        /// Its process ended with an error.
        Failed = "failed",
        /// The node could not run it.
        Rejected = "rejected",
        /// Its service is removed or scaled down.
        Remove = "remove",
        /// Its node has been unreachable for long.
        Orphaned = "orphaned",
    }
    /// State of a neighbour or forwarding entry (neigh.h `NUD_*`).
    NeighbourState {
        /// Being resolved.
        Incomplete = "incomplete",
        /// Confirmed a moment ago.
        Reachable = "reachable",
        /// Not confirmed for a while.
        Stale = "stale",
        /// Used while stale; confirmation is awaited.
        Delay = "delay",
        /// Being confirmed again.
        Probe = "probe",
        /// Resolution got no answer.
        Failed = "failed",
        /// Needs no resolution.
        Noarp = "noarp",
        /// Set by a program, never expires: Docker's.
        Permanent = "permanent",
        /// No state bit is set.
        None = "none",
    }
    /// How IPVS sends packets to a real server (`ip_vs.h` `IP_VS_CONN_F_FWD_MASK`).
    IpvsForwarding {
        /// NAT: Docker's way.
        Masq = "Masq",
        /// To this host itself.
        Local = "Local",
        /// In an IP tunnel.
        Tunnel = "Tunnel",
        /// With another MAC address and nothing else: DSR.
        Route = "Route",
        /// Past IPVS, to a cache.
        Bypass = "Bypass",
    }
}

/// The driver of a Docker network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkDriver {
    /// VXLAN between the Swarm's nodes.
    Overlay,
    /// A bridge on one node.
    Bridge,
    /// The node's own namespace.
    Host,
    /// No network.
    Null,
    /// macvlan devices on a NIC of the node.
    Macvlan,
    /// ipvlan devices on a NIC of the node.
    Ipvlan,
    /// A plugin's, by name.
    Other(String),
}

impl NetworkDriver {
    /// Docker's name of it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Overlay => "overlay",
            Self::Bridge => "bridge",
            Self::Host => "host",
            Self::Null => "null",
            Self::Macvlan => "macvlan",
            Self::Ipvlan => "ipvlan",
            Self::Other(name) => name,
        }
    }
}

impl Default for NetworkDriver {
    fn default() -> Self {
        Self::Other(String::new())
    }
}

impl From<&str> for NetworkDriver {
    fn from(name: &str) -> Self {
        match name {
            "overlay" => Self::Overlay,
            "bridge" => Self::Bridge,
            "host" => Self::Host,
            "null" => Self::Null,
            "macvlan" => Self::Macvlan,
            "ipvlan" => Self::Ipvlan,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for NetworkDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for NetworkDriver {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for NetworkDriver {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(String::deserialize(deserializer)?.as_str().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_docker_and_the_kernel() {
        assert_eq!(TaskState::from("running"), TaskState::Running);
        assert_eq!(TaskState::from("new in some release"), TaskState::Unknown);
        let json = serde_json::to_string(&NeighbourState::Permanent).unwrap();
        assert_eq!(json, "\"permanent\"");
        let driver: NetworkDriver = serde_json::from_str("\"weave\"").unwrap();
        assert_eq!(driver.to_string(), "weave");
    }
}
