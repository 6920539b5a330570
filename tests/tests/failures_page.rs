//! docs/failures.md, generated: the table of failures, who reports each, and the
//! scenarios in which it can be made to happen.
//!
//! With `SWARMTRACE_WRITE_DOCS=1` the page is written, else compared.

use scenarios::catalogue;
use std::collections::BTreeMap;
use std::fmt::Write;
use swarmtrace::diagnose::RULES;
use swarmtrace::doctor::checks;
use swarmtrace::failure::{FORMER_IDS, Failure, INDISTINCT, TABLE, all};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/failures.md");

const HEAD: &str = "\
# Failures that swarmtrace diagnoses

<!-- Generated from swarmtrace/src/failure. To write it again: cargo xtask docs -->

`follow`, `rst`, `check` and `join` diagnose a failure from a connection's packets (a
*verdict*), `doctor` from what the kernel's tables say (a *finding*). The same failure
has the same id in both, for scripts and for this page.

A diagnosis is *proven* where the evidence admits no other explanation, *likely* where
another is possible, and *unknown* where the failure is real and its cause was not seen.
A verdict never says that a packet was dropped without the kernel's report of it, or proof
that the hop that had to follow was watched and that no event was lost. A connection that
works gets none. A finding has a severity, too: *broken* (connections fail because of it),
*risky* (they may) or *note*.

Many failures can be made to happen on a real two-node Swarm in a VM: the command is given,
and prints what swarmtrace reports. `cargo xtask scenarios` lists them all.

";

const INDISTINCT_HEAD: &str = "\
## What packets do not distinguish

These failures look like others from every place where a packet can be watched.

";

const FORMER_HEAD: &str = "\
## Former ids

Until 0.1, doctor had ids of its own for failures that verdicts know too. For one more
release each finding of doctor's JSON lists its former ids in `former_ids`.

| Until 0.1 | Now | |
|---|---|---|
";

#[test]
fn failures_page() {
    let page = page();
    if std::env::var_os("SWARMTRACE_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, &page).expect("docs/failures.md can be written");
    }
    let committed = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        committed == page,
        "docs/failures.md is not what the table of failures says: write it again with \
         `cargo xtask docs`"
    );
}

#[test]
fn every_failure_is_reported_by_a_rule_or_a_check() {
    for failure in all() {
        let (rules, checks) = reporters(failure);
        assert!(!rules.is_empty() || !checks.is_empty(), "{}", failure.id);
    }
}

#[test]
fn scenarios_expect_ids_of_the_table() {
    for (id, names) in scenarios_by_id() {
        assert!(all().any(|f| f.id == id), "{names:?}: no failure {id}");
    }
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    let scenarios = scenarios_by_id();
    for section in TABLE {
        put(&mut page, format_args!("**{}**\n\n", section.title));
        page.push_str("| Diagnosis | Id | Reported by |\n|---|---|---|\n");
        for failure in section.failures {
            let (title, id) = (failure.title, &failure.id);
            let by = reported_by(failure);
            put(
                &mut page,
                format_args!("| {title} | [`{id}`](#{id}) | {by} |\n"),
            );
        }
        page.push('\n');
    }
    for section in TABLE {
        put(&mut page, format_args!("## {}\n\n", section.title));
        for failure in section.failures {
            let played = scenarios.get(failure.id.as_str());
            entry(&mut page, failure, played.map_or(&[], Vec::as_slice));
        }
    }
    page.push_str(INDISTINCT_HEAD);
    for same in INDISTINCT {
        let (what, id, why) = (same.failure, &same.reported_as.id, same.why);
        put(
            &mut page,
            format_args!("- **{what}** is reported as [`{id}`](#{id}). {why}\n"),
        );
    }
    put(&mut page, format_args!("\n{FORMER_HEAD}"));
    for id in FORMER_IDS {
        let (former, now, case) = (id.former, id.now, id.case.unwrap_or_default());
        put(
            &mut page,
            format_args!("| `{former}` | [`{now}`](#{now}) | {case} |\n"),
        );
    }
    page
}

fn entry(page: &mut String, failure: &Failure, scenarios: &[&str]) {
    put(page, format_args!("### {}\n\n", failure.id));
    put(page, format_args!("> {}\n\n", failure.title));
    let parts = [
        ("Symptom", failure.symptom),
        ("Cause", failure.cause),
        ("Evidence", failure.evidence),
        ("Fix", failure.fix),
    ];
    for (name, text) in parts {
        put(page, format_args!("**{name}.** {text}\n\n"));
    }
    put(
        page,
        format_args!("**Reported by** {}.\n\n", reported_by(failure)),
    );
    if !scenarios.is_empty() {
        let commands: Vec<String> = (scenarios.iter())
            .map(|name| format!("`cargo xtask scenario {name}`"))
            .collect();
        let commands = commands.join(", ");
        put(page, format_args!("**Make it happen.** {commands}\n\n"));
    }
    if !failure.references.is_empty() {
        let links: Vec<String> = failure.references.iter().map(|r| link(r)).collect();
        put(page, format_args!("**See** {}\n\n", links.join(", ")));
    }
}

/// `verdicts, doctor (`neighbours`)`
fn reported_by(failure: &Failure) -> String {
    let (rules, checks) = reporters(failure);
    let verdict = (!rules.is_empty()).then(|| "verdicts".to_owned());
    let names: Vec<String> = checks.iter().map(|name| format!("`{name}`")).collect();
    let doctor = (!names.is_empty()).then(|| format!("doctor ({})", names.join(", ")));
    let all: Vec<String> = verdict.into_iter().chain(doctor).collect();
    all.join(", ")
}

/// The rules and the names of the checks that report a failure.
fn reporters(failure: &Failure) -> (Vec<&'static str>, Vec<&'static str>) {
    let rules = RULES.iter().filter(|r| r.failure.id == failure.id);
    let checks = checks::ALL
        .iter()
        .filter(|c| c.finds.iter().any(|f| f.id == failure.id));
    (
        rules.map(|r| r.failure.id.as_str()).collect(),
        checks.map(|c| c.name).collect(),
    )
}

/// The scenarios in which a verdict is expected, by its id.
fn scenarios_by_id() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut by_id: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for scenario in catalogue::all() {
        for expect in scenario.expect {
            let Some(id) = expect.ids().next() else {
                continue;
            };
            let names = by_id.entry(id).or_default();
            if !names.contains(&scenario.name) {
                names.push(scenario.name);
            }
        }
    }
    by_id
}

/// `moby#52661` as a link to the issue.
fn link(reference: &str) -> String {
    let Some((project, number)) = reference.split_once('#') else {
        return reference.to_owned();
    };
    let repository = match project {
        "moby" => "moby/moby",
        "libnetwork" => "moby/libnetwork",
        "swarmkit" => "moby/swarmkit",
        "firewalld" => "firewalld/firewalld",
        "photon" => "vmware/photon",
        "swarmpit" => "swarmpit/swarmpit",
        _ => return reference.to_owned(),
    };
    format!("[{reference}](https://github.com/{repository}/issues/{number})")
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = page.write_fmt(text);
}
