//! What is printed: text, Markdown, JUnit.

use super::{connections, record, timelines_of, whole};
use crate::check::compare::{Rules, compare};
use crate::check::parse::assertion;
use crate::check::report as sum_up;
use crate::check::{baseline, evaluate, measures, with_measures};
use crate::output::check::{junit, markdown, text};
use crate::output::style::plain;
use crate::recording::{BaselineRun, CheckReport, RunSummary};
use crate::synthetic::{Ending, Route};
use needs::needs;
use std::io::Write as _;
use std::process::Stdio;

/// A report with every outcome, and names that are markup in every format.
fn report(run: RunSummary) -> CheckReport {
    let local = connections(Route::MeshLocal, Ending::Closed, 100, 0);
    let remote = connections(Route::MeshRemote, Ending::Closed, 100, 1000);
    let mut timelines = timelines_of(&[local, remote].concat());
    let before = record(&timelines);
    for timeline in &mut timelines {
        timeline.handshake_ns = timeline.handshake_ns.map(|ns| ns * 2);
    }
    let now = record(&timelines);
    let mut checked = Vec::new();
    for text in [
        "handshake.p50 < 5ms",
        "handshake.p99.9 < 5ms",
        "hop(vxlan).p50 < 1ms",
        "service(<\"&'|>): failed == 0",
        "connections > 5000",
    ] {
        let assertion = assertion(text).unwrap_or_else(|e| panic!("{e}"));
        checked.extend(evaluate(&assertion, &now, &run, 30));
    }
    let baseline = baseline::of(vec![with_measures(
        BaselineRun::default(),
        &measures(&before),
    )]);
    let rules = Rules {
        tolerance: 0.1,
        least: 30,
    };
    let mut report = sum_up(run, checked, compare(&baseline, &measures(&now), rules));
    report.notes.push("a <note> with \u{1} in it".to_owned());
    report
}

#[test]
fn people_are_told_all_of_it() {
    let text = text::render(&report(whole()));
    let text = plain(&text);
    for words in [
        "regression  200 connections on node-a, 1000 events, none lost",
        "not measured: too few samples: 100, and it takes 1000",
        "vote.1  –         0        skipped\n",
        "FAILED",
        "SLOWER",
        "SYN → SYN-ACK: +100 %",
        "no single hop stands out",
    ] {
        assert!(text.contains(words), "{words} in\n{text}");
    }
}

#[test]
fn markdown_tables_have_as_many_cells_as_columns() {
    let text = markdown::render(&report(whole()));
    assert!(
        text.starts_with("### ❌ swarmtrace check: regression\n"),
        "{text}"
    );
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let mut columns = 0;
    let mut rows = 0;
    for line in text.lines().filter(|l| l.starts_with('|')) {
        if line.starts_with("| assertion") || line.starts_with("| against") {
            columns = cells(line);
        }
        assert_eq!(cells(line), columns, "{line}");
        rows += 1;
    }
    assert!(rows > 10, "{text}");
}

/// What xmllint says of a document by the schema.
fn validate(document: &str) -> Result<(), String> {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/junit.xsd");
    let mut child = swarmtrace_programs::required("xmllint")
        .args(["--noout", "--nonet", "--schema", schema, "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("xmllint starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(document.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("xmllint ends");
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn junit_follows_its_schema() {
    needs!(Program("xmllint"));
    let lossy = RunSummary {
        problems: vec!["\u{0}7 events were <lost> & gone".to_owned()],
        lost: Some(7),
        taken: 1_800_000_000,
        ..whole()
    };
    let passed = sum_up(whole(), Vec::new(), Vec::new());
    for report in [report(whole()), report(lossy), passed] {
        let document = junit::render(&report).expect("written");
        validate(&document).unwrap_or_else(|e| panic!("{e}\n{document}"));
        let count = |what: &str| document.matches(what).count();
        let failures = document.matches("<failure ").count();
        assert_eq!(
            count("<testcase "),
            1 + report.assertions.len() + report.comparisons.len()
        );
        assert!(
            document.contains(&format!(" failures=\"{failures}\"")),
            "{document}"
        );
        assert!(
            document.contains(&format!(" errors=\"{}\"", count("<error "))),
            "{document}"
        );
    }
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    needs!(Program("xmllint"));
    let document = junit::render(&report(whole())).expect("written");
    for (from, to) in [
        (" classname=", " clasname="),
        (" name=\"swarmtrace check\"", " nome=\"swarmtrace check\""),
        ("<failure ", "<failed/><failure "),
        (" tests=\"1\"", ""),
        ("time=\"0.000\"", "time=\"soon\""),
    ] {
        let wrong = document.replacen(from, to, 1);
        assert_ne!(wrong, document, "{from}");
        assert!(validate(&wrong).is_err(), "{from} → {to}");
    }
}
