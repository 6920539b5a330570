//! Whether what swarmtrace said is what a scenario expects.

use super::printed::{Found, Report, Told, Verdict};
use crate::catalogue::{Expect, Finding};
use crate::swarm::NODES;

/// Everything that was said in one pass.
#[derive(Debug)]
pub struct Said {
    /// Timelines that node a and b printed.
    pub timelines: [Vec<Told>; 2],
    /// Doctor's reports of node a and b.
    pub doctor: [Report; 2],
}

/// What is wrong with what was said of healthy traffic.
pub fn healthy(said: &Said) -> Vec<String> {
    let mut wrong = differences(said, &[]);
    wrong.extend(misdiagnosed(said, &[]));
    if said.timelines.iter().all(Vec::is_empty) {
        wrong.push("no connection was seen".to_owned());
    }
    for line in &mut wrong {
        line.insert_str(0, "without the fault: ");
    }
    wrong
}

/// What differs between the verdicts given and those expected.
pub fn differences(said: &Said, expected: &[Expect]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (node, told) in NODES.into_iter().zip(&said.timelines) {
        let here: Vec<&Expect> = expected.iter().filter(|e| e.node == node).collect();
        for expect in &here {
            if !told.iter().any(|t| fits(t, expect)) {
                wrong.push(format!("{node}: not said: {expect:?}"));
            }
        }
        for flow in told {
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
pub fn misdiagnosed(said: &Said, expected: &[Finding]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (node, report) in NODES.into_iter().zip(&said.doctor) {
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

fn fits(told: &Told, expect: &Expect) -> bool {
    told.verdict.as_ref().is_some_and(|v| {
        expect.ids().any(|id| id == v.id)
            && sure(&v.certainty) >= sure(expect.certainty)
            && v.hop
                .as_ref()
                .map_or("", |h| &h.place)
                .contains(expect.place)
            && v.evidence.iter().any(|line| line.contains(expect.evidence))
    })
}

fn sure(certainty: &str) -> Option<usize> {
    ["unknown", "likely", "proven"]
        .iter()
        .position(|c| *c == certainty)
}
