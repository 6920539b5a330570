//! The words and numbers of Docker and the kernel, as types.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

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
    /// How IPVS sends packets to a real server (ip_vs.h `IP_VS_CONN_F_FWD_MASK`).
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

/// An Ethernet address.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The address that Docker's overlay driver derives from an IPv4 address:
    /// `10.0.0.6` → `02:42:0a:00:00:06` (libnetwork, netutils.GenerateMACFromIP).
    pub fn derived_from(address: IpAddr) -> Option<Self> {
        let IpAddr::V4(address) = address else {
            return None;
        };
        let [a, b, c, d] = address.octets();
        Some(Self([0x02, 0x42, a, b, c, d]))
    }

    /// The IPv4 address that Docker derived it from.
    pub fn source(self) -> Option<IpAddr> {
        match self.0 {
            [0x02, 0x42, a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d).into()),
            _ => None,
        }
    }

    /// Whether all bytes are zero: a VXLAN device's default destination.
    pub fn is_zero(self) -> bool {
        self.0 == [0; 6]
    }
}

impl TryFrom<&[u8]> for Mac {
    type Error = std::array::TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not six hexadecimal bytes with colons between them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no Ethernet address")]
pub struct MacError(String);

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let byte = |part: &str| match part.bytes().all(|b| b.is_ascii_hexdigit()) {
            true => u8::from_str_radix(part, 16).ok(),
            false => None,
        };
        let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| MacError(text.to_owned()))
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// In JSON a missing address is the empty string.
pub(super) mod mac_or_empty {
    use super::Mac;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(mac: &Option<Mac>, serializer: S) -> Result<S::Ok, S::Error> {
        match mac {
            Some(mac) => serializer.collect_str(mac),
            None => serializer.serialize_str(""),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Mac>, D::Error> {
        let text = String::deserialize(d)?;
        match text.is_empty() {
            true => Ok(None),
            false => text.parse().map(Some).map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_are_compared_as_bytes() {
        let mac: Mac = "02:42:0A:00:00:06".parse().unwrap();
        assert_eq!(mac.to_string(), "02:42:0a:00:00:06");
        assert_eq!(mac.source(), Some("10.0.0.6".parse().unwrap()));
        assert_eq!(Mac::derived_from("10.0.0.6".parse().unwrap()), Some(mac));
        for bad in ["", "02:42", "02:42:0a:00:00:06:07", "02:42:0a:00:00:+6"] {
            bad.parse::<Mac>().unwrap_err();
        }
    }

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
