//! Services, networks and nodes by the name or id that a user gives.

use crate::topology::{Network, Node, Service, Topology};
use std::fmt;

/// A name that nothing has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {kind} '{name}' is known on this node{}", alternatives(.known))]
pub struct UnknownName {
    /// What was looked for.
    pub kind: Named,
    /// The name as given.
    pub name: String,
    /// The names that exist, sorted.
    pub known: Vec<String>,
}

impl UnknownName {
    fn new(kind: Named, name: &str, known: impl Iterator<Item = String>) -> Self {
        let mut known: Vec<_> = known.collect();
        known.sort();
        Self {
            kind,
            name: name.to_owned(),
            known,
        }
    }
}

/// What a name can stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A [`Service`].
    Service,
    /// A [`Network`].
    Network,
    /// A [`Node`].
    Node,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service => "service",
            Self::Network => "network",
            Self::Node => "node",
        })
    }
}

fn alternatives(known: &[String]) -> String {
    match known {
        [] => "; there are none".to_owned(),
        known => format!("; there are: {}", known.join(", ")),
    }
}

impl Topology {
    /// The service of that name or id.
    pub fn service(&self, name: &str) -> Option<&Service> {
        (self.services.iter()).find(|s| is_called(name, &s.name, &s.id))
    }

    /// The service of that name or id.
    ///
    /// # Errors
    /// Errors if there is none; the error lists those that there are.
    pub fn require_service(&self, name: &str) -> Result<&Service, UnknownName> {
        self.service(name).ok_or_else(|| {
            let known = self.services.iter().map(|s| s.name.clone());
            UnknownName::new(Named::Service, name, known)
        })
    }

    /// The network of that name or id.
    ///
    /// # Errors
    /// Errors if there is none; the error lists those that there are.
    pub fn require_network(&self, name: &str) -> Result<&Network, UnknownName> {
        let mut networks = self.networks.iter();
        let found = networks.find(|n| is_called(name, &n.name, &n.id));
        found.ok_or_else(|| {
            let known = self.networks.iter().map(|n| n.name.clone());
            UnknownName::new(Named::Network, name, known)
        })
    }

    /// The node of that host name, id or address.
    ///
    /// # Errors
    /// Errors if there is none; the error lists those that there are.
    pub fn require_node(&self, name: &str) -> Result<&Node, UnknownName> {
        let found = self.nodes.iter().find(|n| {
            is_called(name, &n.hostname, &n.id) || n.addresses.iter().any(|a| a.to_string() == name)
        });
        found.ok_or_else(|| {
            let known = self.nodes.iter().map(|n| self.node_name(n));
            UnknownName::new(Named::Node, name, known)
        })
    }
}

fn is_called(wanted: &str, name: &str, id: &str) -> bool {
    name == wanted || (!id.is_empty() && id == wanted)
}
