//! The part that each namespace plays on the Swarm's data path; [`role`](super::role)
//! has the parts of the devices in it.

use super::{Namespace, NamespaceKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a hop's namespace is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The node's own namespace.
    Host,
    /// `ingress_sbox`
    IngressSandbox,
    /// `lb_…`
    LoadBalancer,
    /// `1-…`: an overlay network's bridge and VXLAN device.
    Overlay,
    /// A container.
    Container,
    /// Another namespace, or one the topology does not know.
    Unknown,
}

impl Namespace {
    /// What it is for.
    pub fn place(&self) -> Place {
        match self.kind {
            NamespaceKind::Host => Place::Host,
            NamespaceKind::IngressSandbox => Place::IngressSandbox,
            NamespaceKind::LoadBalancer { .. } => Place::LoadBalancer,
            NamespaceKind::Overlay { .. } => Place::Overlay,
            NamespaceKind::Container { .. } => Place::Container,
            NamespaceKind::Other => Place::Unknown,
        }
    }
}
