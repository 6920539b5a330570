//! The direction of a packet along the path.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
