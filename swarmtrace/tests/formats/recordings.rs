//! Recordings of every version keep reading, and what is written reads back.
//!
//! tests/fixtures/recordings/NAME.vVERSION.json has one object a line, as that
//! version was written.

use crate::repository;
use std::path::PathBuf;
use swarmtrace::recording::read::{ReadError, contents, object};
use swarmtrace::recording::{Baseline, FORMATS, Format};

fn fixture(format: Format, version: u32) -> PathBuf {
    let name = format.short_name();
    repository(&format!("tests/fixtures/recordings/{name}.v{version}.json"))
}

fn lines(path: &PathBuf) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_version_reads() {
    for entry in FORMATS {
        for version in 1..=entry.format.version() {
            let path = fixture(entry.format, version);
            let all = lines(&path);
            assert!(!all.is_empty(), "{}", path.display());
            for line in all {
                let written = (entry.rewrite)(line.as_bytes());
                let written = written.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                // What is written reads back as the same.
                assert_eq!((entry.rewrite)(written.as_bytes()), Ok(written.clone()));
                if version == entry.format.version() {
                    assert_eq!(written, line, "{}", path.display());
                }
            }
        }
    }
}

#[test]
fn unknown_fields_are_ignored() {
    for entry in FORMATS {
        for line in lines(&fixture(entry.format, entry.format.version())) {
            let more = line.replacen('{', "{\"field_of_next_year\":{\"a\":[1]},", 1);
            assert_eq!((entry.rewrite)(more.as_bytes()), Ok(line));
        }
    }
}

#[test]
fn a_newer_version_is_an_error_that_says_all_of_it() {
    for entry in FORMATS {
        let version = entry.format.version();
        let newer = format!("\"version\":{}", version + 1);
        for line in lines(&fixture(entry.format, version)) {
            let line = line.replacen(&format!("\"version\":{version}"), &newer, 1);
            let error = (entry.rewrite)(line.as_bytes()).expect_err(&newer);
            let expected = format!(
                "{} version {}; this swarmtrace reads up to version {version}",
                entry.format.name,
                version + 1
            );
            assert_eq!(error, expected);
        }
    }
}

#[test]
fn errors_name_the_file_and_the_line() {
    let directory = tempfile::tempdir().expect("a folder");
    let path = directory.path().join("node-a.json");
    let timeline = FORMATS[0].format;
    let good = lines(&fixture(timeline, timeline.version())).concat();
    let newer = good.replace("\"version\":1", "\"version\":9");
    std::fs::write(&path, format!("{good}\n{newer}")).expect("written");
    let number = good.lines().count() + 2;
    let error = contents(&path).expect_err("newer").to_string();
    assert_eq!(
        error,
        format!(
            "{}, line {number}: swarmtrace-timeline version 9; this swarmtrace reads up to \
             version 1",
            path.display()
        )
    );
    let error = object::<Baseline>(&path).expect_err("lines");
    assert!(matches!(error, ReadError::Line { .. }), "{error}");
}

#[test]
fn a_trace_reads_whole_and_other_formats_are_skipped() {
    let directory = tempfile::tempdir().expect("a folder");
    let path = directory.path().join("node-a.json");
    let all: Vec<String> = (FORMATS.iter())
        .flat_map(|entry| lines(&fixture(entry.format, entry.format.version())))
        .collect();
    std::fs::write(&path, all.concat()).expect("written");
    let contents = contents(&path).expect("read");
    assert!(!contents.timelines.is_empty());
    assert!(!contents.nodes.is_empty());
    assert!(!contents.summaries.is_empty());
}
