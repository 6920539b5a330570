//! How sure a diagnosis is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How sure a diagnosis is: of a verdict on a flow and of a finding of doctor.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// The failure is real, its cause is not known; or a rule could not be
    /// evaluated.
    Unknown,
    /// The place is known and the cause fits, but the cause was not read; another
    /// is possible.
    Likely,
    /// State that by itself causes the failure was read.
    Proven,
}

impl Certainty {
    /// Its name in JSON and in text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Likely => "likely",
            Self::Proven => "proven",
        }
    }
}
