//! Where a failure is: on a flow's path, or in the node's network.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A hop on a flow's path, or the stretch between two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PathPosition {
    /// The hop's index in the timeline.
    pub index: usize,
    /// Name of the node.
    pub node: String,
    /// `ingress_sbox eth1 in`, or `between … and …`.
    pub place: String,
}

/// A part of the node's network; what is not set does not narrow it down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Location {
    /// Name of the network namespace: `host`, `ingress_sbox`, `vote.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the device in the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Name of Docker's network, or several with commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Name of the service that suffers; none where all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Name of the other node, where the failure is towards one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

impl Location {
    /// A location in the namespace of that name.
    pub fn namespace(name: &str) -> Self {
        Self {
            namespace: Some(name.to_owned()),
            ..Self::default()
        }
    }

    /// Narrows the location to a device.
    #[must_use]
    pub fn device(mut self, name: &str) -> Self {
        self.device = Some(name.to_owned());
        self
    }

    /// Narrows the location to a network.
    #[must_use]
    pub fn network(mut self, name: &str) -> Self {
        self.network = Some(name.to_owned());
        self
    }

    /// Narrows the location to a service.
    #[must_use]
    pub fn service(mut self, name: &str) -> Self {
        self.service = Some(name.to_owned());
        self
    }

    /// Narrows the location to what leads to another node.
    #[must_use]
    pub fn node(mut self, name: &str) -> Self {
        self.node = Some(name.to_owned());
        self
    }
}
