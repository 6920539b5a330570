//! Compares a printed timeline with what the kernel itself reports.
//!
//! Hops: for every kind of packet and each leg, the printed hops are exactly
//! tcpdump's sightings in the traced node's namespaces: same device, direction,
//! addresses, VXLAN and ICMP headers, in the same order, none missing and none
//! made up. Rewrites: each printed one is one that conntrack's table has for the
//! connection in that namespace, and each that it has is printed.

use super::conntrack::Entry;
use super::flow::Flow;
use super::packet::{Sighting, Way};
use super::printed::{Hop, Rewrite, Timeline};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::SocketAddr;

/// The truth about one flow on the nodes that were traced.
#[derive(Debug)]
pub struct Expectation<'a> {
    /// tcpdump's account.
    pub flow: &'a Flow,
    /// Inodes of the namespaces that are traced.
    pub namespaces: &'a [u32],
    /// Conntrack's table in each namespace that has one.
    pub conntrack: &'a [(u32, Vec<Entry>)],
    /// Kinds of packets that are not compared (with `--no-reply`, say).
    pub without: &'a [(&'a str, &'a str)],
    /// Whether conntrack's table still knows the flow: a reset that answers a
    /// SYN ends its entries at once.
    pub rewrites: bool,
}

const KINDS: [(&str, &str); 10] = [
    ("syn", "forward"),
    ("syn_ack", "reply"),
    ("request", "forward"),
    ("response", "reply"),
    ("fin", "forward"),
    ("fin", "reply"),
    ("rst", "forward"),
    ("rst", "reply"),
    ("icmp_error", "forward"),
    ("icmp_error", "reply"),
];

impl Expectation<'_> {
    /// Panics unless the timeline is the truth, with a list of what differs.
    #[track_caller]
    pub fn assert(&self, timeline: &Timeline) {
        let mut report = String::new();
        for (phase, leg) in KINDS.iter().filter(|kind| !self.without.contains(kind)) {
            let truth: Vec<String> = self
                .flow
                .of(phase, leg, self.namespaces)
                .map(Sighting::to_string)
                .collect();
            let printed: Vec<String> = timeline
                .of(phase, leg)
                .iter()
                .map(|hop| self.describe(hop))
                .collect();
            difference(&mut report, &format!("{phase} {leg}"), &truth, &printed);
        }
        if self.rewrites {
            self.rewrites(timeline, "forward", &mut report);
            self.rewrites(timeline, "reply", &mut report);
        }
        self.tunnels(timeline, &mut report);
        assert!(
            report.is_empty(),
            "the timeline of {} → {} is not what the kernel says \
             (- kernel only, + swarmtrace only):\n{report}",
            timeline.client,
            timeline.entry
        );
    }

    /// A hop in the words of a sighting, its names the bed's.
    fn describe(&self, hop: &Hop) -> String {
        let known = self
            .flow
            .steps
            .iter()
            .map(|s| &s.at)
            .find(|s| s.netns == hop.netns);
        let namespace = match known {
            Some(sighting) => sighting.namespace.clone(),
            None => format!("{} {}", hop.node, hop.namespace),
        };
        let way = if hop.way == Way::In { "in" } else { "out" };
        let mut text = format!(
            "{namespace} {} {way} {} > {}",
            hop.device, hop.source, hop.destination
        );
        if let Some(vxlan) = &hop.vxlan {
            let _ = write!(text, " vxlan {} {} > {}", vxlan.vni, vxlan.from, vxlan.to);
        }
        if let Some(icmp) = &hop.icmp {
            let _ = write!(text, " icmp {}/{} from {}", icmp.kind, icmp.code, icmp.from);
        }
        text
    }

    /// NAT, per namespace, against conntrack. Before the first hop and after the
    /// last, where no tap could see both sides, a printed rewrite must be true,
    /// and on the answer's way back it may be left out.
    fn rewrites(&self, timeline: &Timeline, leg: &str, report: &mut String) {
        let forward = leg == "forward";
        let opening = match (timeline.protocol.as_str(), forward) {
            ("tcp", true) => "syn",
            ("tcp", false) => "syn_ack",
            (_, true) => "request",
            (_, false) => "response",
        };
        if self.without.contains(&(opening, leg)) {
            return;
        }
        let seen: Vec<&Sighting> = self.flow.of(opening, leg, self.namespaces).collect();
        if seen.is_empty() {
            return;
        }
        let answered = timeline
            .hops
            .iter()
            .any(|h| h.leg == "reply" && h.phase != "icmp_error");
        let mut true_ones = BTreeSet::new();
        let mut must = BTreeSet::new();
        for (netns, entry) in self.entries() {
            let (before, after) = if forward {
                (entry.original, entry.translated())
            } else {
                (entry.reply, (entry.original.1, entry.original.0))
            };
            let observed = |face: (SocketAddr, SocketAddr)| {
                let at = |s: &&Sighting| (s.packet.source, s.packet.destination) == face;
                seen.iter().any(|s| s.netns == netns && at(s))
            };
            if !observed(before) && !observed(after) {
                continue;
            }
            let name = self.name(netns);
            let changes = [
                ("source", before.0, after.0),
                ("destination", before.1, after.1),
            ];
            for (what, from, to) in changes.iter().filter(|(_, from, to)| from != to) {
                let text = format!("{name} {what} {from} → {to}");
                // Forward, conntrack shows an unseen side: that of the first hop by its
                // own entry, that of the last by the answer's.
                let known = if forward {
                    observed(after) || answered
                } else {
                    observed(before)
                };
                if observed(before) && observed(after) || forward && known {
                    must.insert(text.clone());
                }
                true_ones.insert(text);
            }
        }
        let mut printed = BTreeSet::new();
        for hop in timeline.of(opening, leg) {
            for rewrite in hop.rewrites.iter().chain(&hop.then) {
                printed
                    .extend(change(rewrite, hop).map(|c| format!("{} {c}", self.name(hop.netns))));
            }
        }
        let missing: Vec<_> = must.difference(&printed).cloned().collect();
        let untrue: Vec<_> = printed.difference(&true_ones).cloned().collect();
        difference(report, &format!("rewrites, {leg}"), &missing, &untrue);
    }

    fn entries(&self) -> impl Iterator<Item = (u32, &Entry)> {
        self.conntrack
            .iter()
            .filter(|(netns, _)| self.namespaces.contains(netns))
            .flat_map(|(netns, entries)| entries.iter().map(|e| (*netns, e)))
    }

    /// Each VXLAN datagram that tcpdump saw leave is a printed encapsulation.
    fn tunnels(&self, timeline: &Timeline, report: &mut String) {
        for (phase, leg) in KINDS.iter().filter(|kind| !self.without.contains(kind)) {
            let truth: BTreeSet<String> = self
                .flow
                .of(phase, leg, self.namespaces)
                .filter(|s| s.way == Way::Out)
                .filter_map(|s| s.vxlan.map(|v| format!("{} {} → {}", v.vni, v.from, v.to)))
                .collect();
            let mut printed = BTreeSet::new();
            for rewrite in timeline.of(phase, leg).iter().flat_map(|hop| &hop.rewrites) {
                if let Rewrite::VxlanEncap { vni, from, to } = rewrite {
                    printed.insert(format!("{vni} {from} → {to}"));
                }
            }
            let (truth, printed) = (Vec::from_iter(truth), Vec::from_iter(printed));
            difference(
                report,
                &format!("encapsulation, {phase} {leg}"),
                &truth,
                &printed,
            );
        }
    }

    fn name(&self, netns: u32) -> String {
        let known = self.flow.steps.iter().find(|s| s.at.netns == netns);
        known.map_or_else(|| format!("ns:{netns}"), |s| s.at.namespace.clone())
    }
}

/// An address change, whatever part of the kernel made it.
fn change(rewrite: &Rewrite, hop: &Hop) -> Option<String> {
    let port = |port| SocketAddr::new(hop.destination.ip(), port);
    let (what, from, to) = match *rewrite {
        Rewrite::Dnat { from, to } | Rewrite::UnSnat { from, to } => ("destination", from, to),
        Rewrite::Ipvs {
            virtual_server,
            backend,
            ..
        } => ("destination", virtual_server, backend),
        Rewrite::Redirect { from_port, to_port } => ("destination", port(from_port), port(to_port)),
        Rewrite::Snat { from, to }
        | Rewrite::Masquerade { from, to }
        | Rewrite::UnDnat { from, to } => ("source", from, to),
        Rewrite::Fwmark { .. } | Rewrite::VxlanEncap { .. } | Rewrite::VxlanDecap { .. } => {
            return None;
        }
    };
    Some(format!("{what} {from} → {to}"))
}

/// Appends a line-by-line difference, common lines included, if there is any.
fn difference(report: &mut String, title: &str, truth: &[String], printed: &[String]) {
    if truth == printed {
        return;
    }
    let _ = writeln!(report, "{title}:");
    let (mut left, mut right) = (truth, printed);
    while !left.is_empty() || !right.is_empty() {
        match (left.first(), right.first()) {
            (Some(a), Some(b)) if a == b => {
                let _ = writeln!(report, "    {a}");
                (left, right) = (&left[1..], &right[1..]);
            }
            (Some(a), b) if b.is_none() || !right.contains(a) => {
                let _ = writeln!(report, "  - {a}");
                left = &left[1..];
            }
            (_, Some(b)) => {
                let _ = writeln!(report, "  + {b}");
                right = &right[1..];
            }
            _ => break,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn a_difference_shows_both_sides_in_order() {
        let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let mut report = String::new();
        difference(&mut report, "syn", &lines("abcd"), &lines("acdx"));
        assert_eq!(report, "syn:\n    a\n  - b\n    c\n    d\n  + x\n");
        let mut swapped = String::new();
        difference(&mut swapped, "syn", &lines("ab"), &lines("ba"));
        assert_eq!(swapped, "syn:\n  + b\n    a\n  - b\n");
    }
}
