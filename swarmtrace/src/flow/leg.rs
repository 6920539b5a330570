//! The two directions of a packet: along the path, and through a device.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarmtrace_common::Direction as TapDirection;

/// Which way along the path.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Leg {
    /// From the client to the task.
    Forward,
    /// From the task to the client.
    Reply,
}

impl Leg {
    /// The other one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Forward => Self::Reply,
            Self::Reply => Self::Forward,
        }
    }
}

/// Which way a packet crossed a device.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// tc ingress.
    In,
    /// tc egress.
    Out,
}

impl From<TapDirection> for Way {
    fn from(direction: TapDirection) -> Self {
        match direction {
            TapDirection::Ingress => Self::In,
            TapDirection::Egress => Self::Out,
        }
    }
}
