//! What a rule says, and the few words all rules say it with.
//!
//! A [`Verdict`] is plain data: text for a person and a stable `id` for a
//! script. Evidence names hops as the path is printed: namespace, device,
//! direction, with the node before it where several took part.

use super::case::{Case, PacketDrop};
use super::path::{Expected, Next};
use super::rules::Rule;
use super::stop::Stop;
use crate::timeline::{Hop, Place, Way};
use crate::topology::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What went wrong with a flow, where, and on what evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The rule's stable name: `ipvs-no-destination`.
    pub id: String,
    /// What went wrong, in one line.
    pub title: String,
    /// How sure that is.
    pub certainty: Certainty,
    /// Where.
    pub hop: Option<Site>,
    /// What was seen that says so.
    pub evidence: Vec<String>,
    /// Commands that show it, ready to run.
    pub confirm: Vec<String>,
    /// How to put it right.
    pub fix: String,
    /// Upstream issues: `moby#52661`.
    pub references: Vec<String>,
}

/// How sure a verdict is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// The failure is real, its cause is not known.
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
}

/// A place on a flow's path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Site {
    /// The hop's index in the timeline.
    pub index: usize,
    /// Name of the node.
    pub node: String,
    /// `ingress_sbox eth1 in`, or `between … and …`.
    pub place: String,
}

impl Verdict {
    /// A verdict of `rule` about hop `index`.
    pub fn new(rule: &Rule, certainty: Certainty, case: &Case<'_>, index: usize) -> Self {
        let hop = case.hop(index).map(|hop| Site {
            index,
            node: hop.node.to_string(),
            place: place(hop),
        });
        Self {
            id: rule.id.to_owned(),
            title: rule.title.to_owned(),
            certainty,
            hop,
            evidence: Vec::new(),
            confirm: Vec::new(),
            fix: rule.fix.to_owned(),
            references: rule.references.iter().map(|&r| r.to_owned()).collect(),
        }
    }

    /// A verdict of `rule` about where a packet stopped, with that as evidence.
    pub fn stopped(rule: &Rule, certainty: Certainty, case: &Case<'_>, stop: &Stop<'_>) -> Self {
        let mut verdict = Self::new(rule, certainty, case, stop.last);
        if let (Some(site), Some(next)) = (&mut verdict.hop, stop.expected()) {
            let after = place_of(next);
            site.place = if next.node == site.node {
                format!("between {} and {after}", place(stop.hop))
            } else {
                format!("between {} and {} {after}", place(stop.hop), next.node)
            };
        }
        verdict.evidence = stop_evidence(case, stop);
        verdict
    }

    /// Adds a line of evidence.
    #[must_use]
    pub fn because(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    /// Adds evidence if there is some.
    #[must_use]
    pub fn because_of<E: Into<String>>(mut self, evidence: Option<E>) -> Self {
        self.evidence.extend(evidence.map(Into::into));
        self
    }

    /// Adds a command that shows it.
    #[must_use]
    pub fn confirm(mut self, command: impl Into<String>) -> Self {
        self.confirm.push(command.into());
        self
    }

    /// Adds commands that show it.
    #[must_use]
    pub fn confirm_all(mut self, commands: impl IntoIterator<Item = String>) -> Self {
        self.confirm.extend(commands);
        self
    }

    /// Replaces how to put it right by something that fits this case better.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }
}

/// A hop as the path is printed, without its node: `ingress_sbox eth1 in`;
/// the node's own devices go by their name alone.
fn place(hop: &Hop) -> String {
    match hop.place {
        Place::Host => format!("{} {}", hop.device, way(hop.way)),
        _ => format!("{} {} {}", hop.namespace, hop.device, way(hop.way)),
    }
}

/// A hop as the path is printed: `ingress_sbox eth1 in`, after its node's name
/// where several took part.
pub fn name(case: &Case<'_>, hop: &Hop) -> String {
    if case.timeline.nodes.len() > 1 {
        format!("{} {}", hop.node, place(hop))
    } else {
        place(hop)
    }
}

/// The same for a hop that was not seen.
pub fn expected(case: &Case<'_>, next: &Expected) -> String {
    let only = case.timeline.nodes.as_slice() == [next.node.as_str()];
    if !only {
        format!("{} {}", next.node, place_of(next))
    } else {
        place_of(next)
    }
}

fn place_of(next: &Expected) -> String {
    use Role::{GatewayBridge, GatewayPort, Underlay};
    let devices: Vec<&str> = next.devices.iter().map(|d| d.device.as_str()).collect();
    let (devices, way) = (devices.join("/"), way(next.way));
    match next.devices.first() {
        Some(first) if !matches!(next.role, Underlay | GatewayBridge | GatewayPort) => {
            format!("{} {devices} {way}", first.namespace)
        }
        _ => format!("{devices} {way}"),
    }
}

/// Which packets these are, for people.
pub fn packet(hop: &Hop) -> &'static str {
    use crate::timeline::Phase;
    match hop.phase {
        Phase::Syn => "SYN",
        Phase::SynAck => "SYN-ACK",
        Phase::Ack => "ACK",
        Phase::Request => "request",
        Phase::Response => "response",
        Phase::Fin => "FIN",
        Phase::Rst => "RST",
        Phase::IcmpError => "ICMP error",
    }
}

/// The line that says where a hop was: `SYN 10.0.0.2:51544 → 10.0.0.6:8080 last seen at …`.
pub fn seen(case: &Case<'_>, hop: &Hop) -> String {
    let (source, destination) = (hop.source, hop.destination);
    format!(
        "{} {source} → {destination} at {}",
        packet(hop),
        name(case, hop)
    )
}

/// What a drop event says.
pub fn dropped(drop: &PacketDrop) -> String {
    format!("the kernel reports a drop: {}", drop.describe())
}

fn stop_evidence(case: &Case<'_>, stop: &Stop<'_>) -> Vec<String> {
    let sent = match case.attempts(stop.hop.leg, stop.hop.phase) {
        0 | 1 => String::new(),
        times => format!(" (sent {times} times)"),
    };
    let mut lines = vec![format!("last seen: {}{sent}", seen(case, stop.hop))];
    match (&stop.next, stop.drop) {
        (_, Some(drop)) => lines.push(dropped(drop)),
        (Next::Hop(next), None) => {
            let place = expected(case, next);
            let worth = if stop.silent {
                ", which was watched; no event was lost".to_owned()
            } else {
                doubt(case, next)
            };
            lines.push(format!("not seen at {place}{worth}"));
        }
        _ => {}
    }
    lines
}

/// Why not having seen a hop proves nothing.
fn doubt(case: &Case<'_>, next: &Expected) -> String {
    match case.coverage.lost() {
        0 if !next.tapped(case) => ", but that was not watched".to_owned(),
        0 if case.complete() => ", where it may not have been recognised".to_owned(),
        0 => ", but the flow was not seen whole".to_owned(),
        lost => format!(", but {} lost", events(lost)),
    }
}

/// `1 event was`, `7 events were`
pub fn events(count: u64) -> String {
    match count {
        1 => "1 event was".to_owned(),
        _ => format!("{count} events were"),
    }
}

fn way(way: Way) -> &'static str {
    match way {
        Way::In => "in",
        Way::Out => "out",
    }
}
