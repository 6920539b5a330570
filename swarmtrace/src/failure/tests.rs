//! The table is whole: ids are unique, former ids resolve.

use super::former::FORMER_IDS;
use super::indistinct::INDISTINCT;
use super::table::{all, former_ids, ids_named};
use std::collections::BTreeSet;

#[test]
fn ids_are_unique_and_texts_complete() {
    let mut ids = BTreeSet::new();
    for failure in all() {
        let id = failure.id.as_str();
        assert!(ids.insert(id), "{id} twice");
        let slug = |c: char| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit();
        assert!(id.chars().all(slug), "{id}");
        for text in [
            failure.title,
            failure.symptom,
            failure.cause,
            failure.evidence,
            failure.fix,
        ] {
            assert!(!text.is_empty() && !text.contains("  "), "{id}: {text}");
        }
        assert!(!failure.title.ends_with('.'), "{id}");
        assert!(failure.references.iter().all(|r| r.contains('#')), "{id}");
    }
    for same in INDISTINCT {
        assert!(
            ids.contains(same.reported_as.id.as_str()),
            "{}",
            same.failure
        );
    }
}

#[test]
fn former_ids_lead_to_failures() {
    let ids: BTreeSet<&str> = all().map(|f| f.id.as_str()).collect();
    for former in FORMER_IDS {
        assert!(ids.contains(former.now), "{former:?}");
        // An id that still exists was split: a case is named.
        assert_eq!(
            ids.contains(former.former),
            former.case.is_some(),
            "{former:?}"
        );
    }
    assert_eq!(ids_named("forwarding-entry-missing"), ["fdb-missing"]);
    assert_eq!(
        ids_named("ip-forward-off"),
        ["ip-forward-off", "sandbox-ip-forward"]
    );
    assert!(ids_named("nonsense").is_empty());
    let olds: Vec<&str> = former_ids("ingress-sandbox-gone").collect();
    assert_eq!(olds, ["ingress-sandbox-missing", "ingress-sandbox-silent"]);
}
