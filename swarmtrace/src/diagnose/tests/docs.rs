//! The committed catalogue is the rules'.

use crate::diagnose::{INDISTINCT, RULES, catalogue};
use std::collections::HashSet;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/failures.md");

#[test]
fn failures_page() {
    if std::env::var_os("SWARMTRACE_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).unwrap();
        std::fs::write(PAGE, catalogue()).unwrap();
    }
    let committed = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        committed == catalogue(),
        "docs/failures.md is not what the rules say; write it anew:\n    \
         SWARMTRACE_WRITE_DOCS=1 cargo test -p swarmtrace --lib failures_page"
    );
}

#[test]
fn every_id_is_its_own_and_every_reference_resolves() {
    let mut ids = HashSet::new();
    for rule in RULES {
        assert!(ids.insert(rule.id), "{} twice", rule.id);
        let slug = rule
            .id
            .chars()
            .all(|c| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit());
        assert!(slug, "{}", rule.id);
        for text in [rule.title, rule.symptom, rule.cause, rule.needs, rule.fix] {
            assert!(
                !text.is_empty() && !text.contains("  "),
                "{}: {text}",
                rule.id
            );
        }
        assert!(
            rule.references.iter().all(|r| r.contains('#')),
            "{}",
            rule.id
        );
    }
    for failure in INDISTINCT {
        assert!(ids.contains(failure.reported_as), "{}", failure.failure);
    }
}
