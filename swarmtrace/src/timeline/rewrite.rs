//! What happens to a packet between two hops.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// What happened to a packet between two hops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "did")]
pub enum Rewrite {
    /// Destination changed by NAT.
    Dnat {
        /// Before.
        from: SocketAddr,
        /// After.
        to: SocketAddr,
    },
    /// Destination port changed by REDIRECT, on the same address.
    Redirect {
        /// Before.
        from_port: u16,
        /// After.
        to_port: u16,
    },
    /// Source changed by NAT.
    Snat {
        /// Before.
        from: SocketAddr,
        /// After.
        to: SocketAddr,
    },
    /// Source changed to the node's own address, in the node's own namespace.
    Masquerade {
        /// Before.
        from: SocketAddr,
        /// After.
        to: SocketAddr,
    },
    /// A firewall mark was set.
    Fwmark {
        /// The mark.
        mark: u32,
        /// The service that it stands for on this node.
        service: Option<String>,
    },
    /// IPVS chose a backend.
    Ipvs {
        /// The virtual address.
        virtual_server: SocketAddr,
        /// The backend that was chosen.
        backend: SocketAddr,
        /// `rr`, where the IPVS table was read.
        scheduler: Option<String>,
        /// The mark it was chosen by.
        mark: Option<u32>,
    },
    /// Put into a VXLAN datagram.
    VxlanEncap {
        /// VXLAN network identifier.
        vni: u32,
        /// The sender's VTEP.
        from: IpAddr,
        /// The receiver's VTEP.
        to: IpAddr,
    },
    /// Taken out of a VXLAN datagram.
    VxlanDecap {
        /// VXLAN network identifier.
        vni: u32,
    },
    /// An answer's source put back to what the client had connected to.
    UnDnat {
        /// Before.
        from: SocketAddr,
        /// After.
        to: SocketAddr,
    },
    /// An answer's destination put back to the client.
    UnSnat {
        /// Before.
        from: SocketAddr,
        /// After.
        to: SocketAddr,
    },
}
