//! What a proven diagnosis rests on: state that was read.
//!
//! Packets prove where a connection failed. Many causes leave the same packets,
//! so a diagnosis can only be proven by a [`Proof`], which names what was read
//! and quotes it. There is no other way to a certainty of
//! [`Certainty::Proven`](super::Certainty::Proven).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which state was read.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ReadFrom {
    /// A namespace's devices: flags, addresses, MTUs, wiring.
    Devices,
    /// The kernel's route for the packet, or its routing tables.
    Routes,
    /// A neighbour (ARP, NDP) table.
    Neighbours,
    /// The forwarding database of a bridge or of a VXLAN device.
    ForwardingTable,
    /// IPVS' services, destinations and connections.
    Ipvs,
    /// The rules of iptables or nftables.
    Firewall,
    /// A kernel setting (sysctl).
    Settings,
    /// Sockets and the processes that own them.
    Sockets,
    /// The connection tracking table.
    Conntrack,
    /// IPsec's policies and states.
    Ipsec,
    /// Queueing disciplines and filters of traffic control.
    TrafficControl,
    /// Counters of the kernel that rose.
    Counters,
    /// The kernel's modules.
    Modules,
    /// What Docker answered.
    Docker,
    /// What the kernel itself reported about this packet: a drop or a reset with
    /// a reason that names its cause, or an ICMP error that does.
    KernelReport,
}

/// One thing that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateRead {
    /// Which state.
    pub from: ReadFrom,
    /// What it says, in one line.
    pub says: String,
}

/// State that by itself explains a failure: at least one thing that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof(Vec<StateRead>);

impl Proof {
    /// A proof by one thing that was read.
    pub fn read(from: ReadFrom, says: impl Into<String>) -> Self {
        Self(vec![StateRead {
            from,
            says: says.into(),
        }])
    }

    /// Adds another thing that was read and that the proof needs, too.
    #[must_use]
    pub fn and(mut self, from: ReadFrom, says: impl Into<String>) -> Self {
        self.0.push(StateRead {
            from,
            says: says.into(),
        });
        self
    }

    /// A proof if `proves`; else what was read only makes the cause likely.
    pub fn proves_if(self, proves: bool) -> Assurance {
        match proves {
            true => Assurance::Proven(self),
            false => Assurance::Supported(self),
        }
    }

    /// Everything that was read.
    pub fn into_read(self) -> Vec<StateRead> {
        self.0
    }
}

/// How sure a diagnosis is, with the proof if it is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assurance {
    /// The failure is real, its cause is not known.
    Unknown,
    /// The place is known and the cause fits; it was not read.
    Likely,
    /// As likely, and something was read that speaks for it.
    Supported(Proof),
    /// The cause was read.
    Proven(Proof),
}

impl From<Proof> for Assurance {
    fn from(proof: Proof) -> Self {
        Self::Proven(proof)
    }
}

/// Proven if there is a proof, else likely.
impl From<Option<Proof>> for Assurance {
    fn from(proof: Option<Proof>) -> Self {
        proof.map_or(Self::Likely, Self::Proven)
    }
}
