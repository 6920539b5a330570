//! `swarmtrace probe`: does a service's traffic pass from here, and if not, what
//! does?
//!
//! Everything else in swarmtrace only looks; this sends, so it is bounded, says
//! what it will send before it does, and sends to the service's own addresses
//! alone. Nothing of the application's protocol is needed: a TCP handshake tells
//! whether something listens, ICMP echoes from a load balancer's namespace
//! travel the same bridge, VXLAN device and network as its connections do, and
//! the same echo at the overlay's full MTU tells a hole from a block. What a
//! [`plan`](plan()) lists is sent by [`run`](run()); [`conclude`] says what the answers
//! mean.

mod conclusion;
mod plan;
mod run;
#[cfg(test)]
mod tests;
mod wire;

pub use conclusion::{Conclusion, Kind, conclude};
pub use plan::{Entry, Plan, Target, plan};
pub use run::run;
pub use wire::Answer;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long to wait for an answer, and how many to request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one answer.
    pub timeout: Duration,
    /// Echoes of a size, and handshakes a task through the mesh.
    pub count: u32,
}

/// What came of a target.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// What was asked.
    #[serde(flatten)]
    pub target: Target,
    /// TCP handshakes; none where the service has no TCP port there.
    pub tcp: Vec<Answer>,
    /// Handshakes that this node itself answered rather than the mesh.
    pub own: usize,
    /// Echoes of 84 bytes.
    pub small: Vec<Answer>,
    /// Echoes as large as the overlay's MTU, not to be fragmented.
    pub full: Vec<Answer>,
    /// Where full ones are lost: the largest that was answered, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest: Option<u32>,
    /// Where TCP is lost: a UDP datagram to a closed port with a checksum, and
    /// one without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datagrams: Option<[Answer; 2]>,
}

/// An outcome and what it means.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Judged {
    /// What came.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What it means.
    pub verdict: Conclusion,
}

/// The whole answer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// This node.
    pub node: String,
    /// The service.
    pub service: String,
    /// A line each.
    pub results: Vec<Judged>,
    /// What was left out and why, a line each.
    pub not_probed: Vec<String>,
}

impl Report {
    /// Judges what came.
    pub fn new(plan: &Plan, outcomes: Vec<Outcome>) -> Self {
        let verdicts: Vec<Conclusion> = outcomes.iter().map(|o| conclude(o, &outcomes)).collect();
        Self {
            node: plan.node.clone(),
            service: plan.service.clone(),
            results: (outcomes.into_iter().zip(verdicts))
                .map(|(outcome, verdict)| Judged { outcome, verdict })
                .collect(),
            not_probed: plan.not_probed.clone(),
        }
    }

    /// Targets that do not pass.
    pub fn failures(&self) -> usize {
        self.results
            .iter()
            .filter(|r| !r.verdict.kind.passes())
            .count()
    }
}
