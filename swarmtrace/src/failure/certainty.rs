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
    /// The best explanation of what was seen; another is possible.
    Likely,
    /// The evidence admits no other explanation.
    Proven,
}

impl Certainty {
    /// Proven if `proof`, else likely.
    pub fn proven_if(proof: bool) -> Self {
        if proof { Self::Proven } else { Self::Likely }
    }

    /// Its name in JSON and in text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Likely => "likely",
            Self::Proven => "proven",
        }
    }
}
