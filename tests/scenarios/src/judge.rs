//! Compares what swarmtrace printed with what a scenario expects.

use super::printed::{Found, JudgedTimeline, Report, Verdict};
use crate::catalogue::{Expect, Finding};
use crate::swarm::NODES;

/// Everything that was printed in one pass.
#[derive(Debug)]
pub struct Printed {
    /// Timelines of node a and b.
    pub timelines: [Vec<JudgedTimeline>; 2],
    /// Doctor's reports of node a and b.
    pub doctor: [Report; 2],
}

/// What is wrong with what was printed of healthy traffic.
pub fn healthy(printed: &Printed) -> Vec<String> {
    let mut wrong = differences(printed, &[]);
    wrong.extend(misdiagnosed(printed, &[]));
    if printed.timelines.iter().all(Vec::is_empty) {
        wrong.push("no connection was seen".to_owned());
    }
    for line in &mut wrong {
        line.insert_str(0, "without the fault: ");
    }
    wrong
}

/// The nodes that saw no connection: they cannot tell that nothing fails.
pub fn unseen(printed: &Printed) -> Vec<String> {
    let nodes = NODES.into_iter().zip(&printed.timelines);
    nodes
        .filter(|(_, timelines)| timelines.is_empty())
        .map(|(node, _)| format!("{node}: no connection was seen"))
        .collect()
}

/// What differs between the verdicts given and those expected.
pub fn differences(printed: &Printed, expected: &[Expect]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (node, timelines) in NODES.into_iter().zip(&printed.timelines) {
        let here: Vec<&Expect> = expected.iter().filter(|e| e.node == node).collect();
        for expect in &here {
            if !timelines.iter().any(|t| fits(t, expect)) {
                wrong.push(format!("{node}: missing: {expect:?}"));
            }
        }
        for flow in timelines {
            let known = |v: &Verdict| here.iter().any(|e| e.ids().any(|id| id == v.id));
            if flow.verdict.as_ref().is_some_and(|v| !known(v)) {
                wrong.push(format!("{node}: {}", flow.describe()));
            }
        }
    }
    wrong
}

/// What differs between doctor's findings and those expected. Notes do not
/// count: nothing fails by them.
pub fn misdiagnosed(printed: &Printed, expected: &[Finding]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (node, report) in NODES.into_iter().zip(&printed.doctor) {
        let here: Vec<&Finding> = expected.iter().filter(|f| f.node == node).collect();
        let fits = |f: &Found, e: &Finding| f.check == e.check && f.what().contains(e.what);
        for expect in &here {
            if !report.findings.iter().any(|f| fits(f, expect)) {
                wrong.push(format!("doctor on {node}: not found: {expect:?}"));
            }
        }
        for found in report.findings.iter().filter(|f| f.severity != "note") {
            if !here.iter().any(|e| e.check == found.check) {
                let (check, what) = (&found.check, found.what());
                wrong.push(format!("doctor on {node}: {check}: {what}"));
            }
        }
    }
    wrong
}

fn fits(timeline: &JudgedTimeline, expect: &Expect) -> bool {
    timeline.verdict.as_ref().is_some_and(|v| {
        expect.ids().any(|id| id == v.id)
            && rank(&v.certainty) >= rank(expect.certainty)
            && v.hop
                .as_ref()
                .map_or("", |h| &h.place)
                .contains(expect.place)
            && v.evidence.iter().any(|line| line.contains(expect.evidence))
    })
}

fn rank(certainty: &str) -> Option<usize> {
    ["unknown", "likely", "proven"]
        .iter()
        .position(|c| *c == certainty)
}
