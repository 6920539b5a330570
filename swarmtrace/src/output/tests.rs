//! What every format of text looks like, on the recordings in
//! tests/fixtures/recordings. `INSTA_UPDATE=always cargo test` writes the snapshots
//! in output/snapshots anew.

use super::style::plain;
use super::{check, latency, probe, rst, schema, timeline, topology, verdict};
use crate::recording::read::from_slice;
use crate::recording::{CheckReport, Finding, Record, Summary, TimelineLine};
use crate::topology::Topology;
use insta::assert_snapshot;

/// The objects in a fixture.
fn recorded<R: Record>() -> Vec<R> {
    let path = format!(
        "{}/../tests/fixtures/recordings/{}.v{}.json",
        env!("CARGO_MANIFEST_DIR"),
        R::FORMAT.short_name(),
        R::FORMAT.version()
    );
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let lines = text.lines();
    lines
        .map(|line| from_slice(line.as_bytes()).unwrap_or_else(|e| panic!("{path}: {e}")))
        .collect()
}

#[test]
fn timelines_with_their_verdicts() {
    let mut text = String::new();
    for line in recorded::<TimelineLine>() {
        text += &timeline::text::render(&line.timeline, &timeline::text::Options::default());
        let below = line.verdict.as_ref().map(verdict::text::indented);
        text += &below.unwrap_or_default();
        text.push('\n');
    }
    assert_snapshot!(plain(&text));
}

#[test]
fn a_latency_table() {
    let summary = recorded::<Summary>().remove(0);
    assert_snapshot!(plain(&latency::text::render(&summary.latencies)));
}

#[test]
fn failures_and_their_table() {
    let mut groups = rst::Groups::default();
    let mut text = String::new();
    for finding in recorded::<Finding>() {
        text += &rst::text::page(&finding);
        groups.add(&finding);
    }
    text += &rst::text::table(&groups);
    assert_snapshot!(plain(&text));
}

#[test]
fn a_check_as_text() {
    let report = recorded::<CheckReport>().remove(0);
    assert_snapshot!(plain(&check::text::render(&report)));
}

#[test]
fn a_check_as_markdown() {
    let report = recorded::<CheckReport>().remove(0);
    assert_snapshot!(check::markdown::render(&report));
}

#[test]
fn a_check_as_junit() {
    let report = recorded::<CheckReport>().remove(0);
    assert_snapshot!(check::junit::render(&report).expect("XML"));
}

#[test]
fn a_topology_as_text() {
    let topology = recorded::<Topology>().remove(0);
    assert_snapshot!(plain(&topology::text::render(&topology)));
}

#[test]
fn a_topology_as_a_graph() {
    let topology = recorded::<Topology>().remove(0);
    assert_snapshot!(topology::dot::render(&topology));
}

#[test]
fn the_list_of_formats() {
    assert_snapshot!(plain(&schema::text::render()));
}

#[test]
fn probed_targets() {
    let report = recorded::<crate::probe::Report>().remove(0);
    assert_snapshot!(plain(&probe::text::render(&report)));
}
