//! `check` from its command line to its exit code, over recordings.

use super::Args;
use crate::flow::{Correlator, Options};
use crate::output::check::{junit, markdown, text};
use crate::recording::{CheckReport, Outcome, TimelineLine, write_line};
use crate::synthetic::{At, Connection, Ending, Route, topology};
use crate::sys::clock::Nanos;
use crate::timeline::Timeline;
use anyhow::Result;
use clap::Parser;
use std::path::Path;
use tempfile::TempDir;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

/// What `check` comes to with those words.
fn check(words: &[&str]) -> Result<CheckReport> {
    let cli = Cli::try_parse_from(["check"].iter().chain(words))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(cli.args.check())
}

fn code(words: &[&str]) -> u8 {
    let report = check(words).unwrap_or_else(|e| panic!("{words:?}: {e:#}"));
    report.exit_code
}

/// The recording of node A for connections to both tasks, slower by `delay` nanoseconds
/// where the packet leaves the mesh's sandbox.
fn timelines(node: At, number: u32, delay: i64) -> Vec<Timeline> {
    let mut events = Vec::new();
    for (route, seed) in [(Route::MeshLocal, 0), (Route::MeshRemote, 5000)] {
        for n in 0..number {
            let mut connection = Connection::new(route, Ending::Closed, seed + n);
            connection.start += u64::from(n) * 1_000_000;
            let here = |e: &swarmtrace_common::PacketEvent| (e.netns >= 200) == (node == At::B);
            events.extend(connection.events().into_iter().filter(here));
        }
    }
    events.sort_by_key(|e| e.time);
    let mut correlator = Correlator::new(&Options::default());
    for event in &events {
        correlator.push(event);
    }
    let names = topology(node);
    let flows = correlator.finish();
    let mut all: Vec<Timeline> = flows
        .iter()
        .map(|f| f.timeline(&names, Nanos::ZERO))
        .collect();
    for timeline in &mut all {
        let mut late = false;
        for hop in &mut timeline.hops {
            late |= &*hop.role == "ingress_sbox nic(ingress)";
            if late {
                hop.offset_ns += Nanos::new(delay);
            }
        }
        timeline.handshake_ns = timeline
            .handshake_ns
            .map(|took| took + Nanos::new(delay).abs());
    }
    all
}

struct Bed(TempDir);

impl Bed {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// A recording, with so many events lost or without its last line.
    fn record(&self, name: &str, timelines: &[Timeline], lost: Option<u64>) -> String {
        let mut text: String = (timelines.iter())
            .map(|t| write_line(&TimelineLine::from(t.clone())).expect("JSON"))
            .collect();
        if let Some(lost) = lost {
            let figures = format!("\"node\":\"node-a\",\"events\":5000,\"lost\":{lost}");
            text += &format!("{{\"format\":\"swarmtrace-summary\",\"version\":1,{figures}}}\n");
        }
        let path = self.path(name);
        std::fs::write(&path, text).expect("written");
        path
    }
}

#[test]
fn exit_codes_of_a_recording() {
    let bed = Bed::new();
    let good = timelines(At::A, 100, 0);
    let whole = bed.record("whole.json", &good, Some(0));
    let cut = bed.record("cut.json", &good, None);
    let lossy = bed.record("lossy.json", &good, Some(7));
    let empty = bed.record("empty.json", &[], Some(0));
    for (file, assertion, expected) in [
        (&whole, "handshake.p99 < 5ms", 0),
        (&whole, "hop(ingress_sbox).p50 < 200us", 0),
        (&whole, "handshake.p99 < 5us", 1),
        (&whole, "handshake.p99.9 < 5ms", 2),
        (&whole, "hop(nowhere).p50 < 5ms", 2),
        (&cut, "handshake.p99 < 5ms", 2),
        (&cut, "handshake.p99 < 5us", 2),
        (&lossy, "handshake.p99 < 5ms", 2),
        (&lossy, "lost == 0", 2),
        (&lossy, "lost < 1%", 0),
        (&empty, "handshake.p99 < 5ms", 2),
        (&empty, "rst.handshake == 0", 2),
    ] {
        assert_eq!(
            code(&["--from", file, "--assert", assertion]),
            expected,
            "{assertion}"
        );
    }
    let both = [
        "--from",
        &whole,
        "-a",
        "failed == 0",
        "-a",
        "connections > 1000",
    ];
    assert_eq!(code(&both), 1, "one that fails is enough");
}

#[test]
fn a_baseline_is_saved_compared_and_kept_from_bad_runs() {
    let bed = Bed::new();
    let base = bed.path("base.json");
    let good = bed.record("good.json", &timelines(At::A, 100, 0), Some(0));
    let slow = bed.record("slow.json", &timelines(At::A, 100, 40_000), Some(0));
    let lossy = bed.record("lossy.json", &timelines(At::A, 100, 0), Some(1));
    let few = bed.record("few.json", &timelines(At::A, 5, 0), Some(0));
    for bad in [&lossy, &few] {
        assert_eq!(code(&["--from", bad, "--save-baseline", &base]), 2);
        assert!(
            !Path::new(&base).exists(),
            "a run that proves nothing was saved"
        );
    }
    for _ in 0..4 {
        assert_eq!(code(&["--from", &good, "--save-baseline", &base]), 0);
    }
    assert_eq!(code(&["--from", &good, "--baseline", &base]), 0);
    assert_eq!(code(&["--from", &few, "--baseline", &base]), 2);
    let before = std::fs::read(&base).expect("read");
    let words = [
        "--from",
        &slow,
        "--baseline",
        &base,
        "--save-baseline",
        &base,
    ];
    let report = check(&words).expect("a report");
    assert_eq!(report.outcome, Outcome::Regression);
    assert_eq!(
        std::fs::read(&base).expect("read"),
        before,
        "a regression was saved"
    );
    let named = serde_json::to_value(&report.slower[0]).expect("JSON");
    assert_eq!(named["to"], "ingress_sbox nic(ingress) out", "{named}");
    for text in [
        text::render(&report),
        markdown::render(&report).replace('\\', ""),
        junit::render(&report).expect("written"),
    ] {
        assert!(text.contains("ingress_sbox nic(ingress) out"), "{text}");
    }
    let lax = ["--from", &slow, "--baseline", &base, "--tolerance", "900%"];
    assert_eq!(code(&lax), 0);
}

#[test]
fn two_nodes_are_joined() {
    let bed = Bed::new();
    let a = bed.record("a.json", &timelines(At::A, 60, 0), Some(0));
    let b = bed.record("b.json", &timelines(At::B, 60, 0), Some(0));
    let across = "backend(vote.2): edge(host eth0 in -> vote nic(ingress) in).p90 < 1ms";
    assert_eq!(code(&["--from", &a, &b, "--assert", across]), 0);
    assert_eq!(
        code(&["--from", &a, "--assert", across]),
        2,
        "one node does not see it"
    );
}

#[test]
fn mistakes_are_told_before_anything_is_done() {
    let bed = Bed::new();
    let whole = bed.record("whole.json", &[], Some(0));
    let list = bed.path("limits.txt");
    std::fs::write(&list, "# limits\n\nfailed == 0\nhandshake.p9x < 5ms\n").expect("written");
    let says = |words: &[&str], expected: &[&str]| {
        let error = format!("{:#}", check(words).expect_err("a mistake"));
        let found = expected.iter().all(|word| error.contains(word));
        assert!(found, "{words:?}: {error}");
    };
    says(&["--from", &whole], &["nothing to check"]);
    says(&["-a", "failed == 0"], &["--duration"]);
    says(
        &["--from", "no such file", "-a", "failed = 0"],
        &["column 8", "==", "\n    failed = 0\n           ^"],
    );
    says(
        &["--from", &whole, "--assertions", &list],
        &["line 4", "column 11"],
    );
    says(
        &["--from", &whole, "--assertions", "missing.txt"],
        &["missing.txt"],
    );
    says(
        &["--from", &whole, "--baseline", &list],
        &["limits.txt", "not a swarmtrace-baseline"],
    );
    says(
        &["--from", &whole, "--save-baseline", &list],
        &["limits.txt", "not a swarmtrace-baseline"],
    );
    says(
        &["--from", "missing.json", "-a", "failed == 0"],
        &["missing.json"],
    );
    says(
        &["--from", &whole, "-a", "failed == 0", "--port", "80"],
        &["cannot be used"],
    );
    says(&["-a", "failed == 0", "--tolerance", "ten"], &["10%"]);
}
