//! The user's catalogue of failures, written from the rules themselves.

use super::rules::{INDISTINCT, RULES, Rule};
use super::scenarios::SCENARIOS;
use std::fmt::Write;

/// `docs/failures.md`.
pub fn catalogue() -> String {
    let mut page = String::from(HEAD);
    table(&mut page);
    for rule in RULES {
        entry(&mut page, rule);
    }
    page.push_str(INDISTINCT_HEAD);
    for failure in INDISTINCT {
        let (what, id, why) = (failure.failure, failure.reported_as, failure.why);
        put(
            &mut page,
            format_args!("- **{what}** is reported as [`{id}`](#{id}). {why}\n"),
        );
    }
    page
}

const HEAD: &str = "\
# Failures that swarmtrace tells apart

<!-- Written from the rules in swarmtrace/src/diagnose/rules. To write it anew:
     SWARMTRACE_WRITE_DOCS=1 cargo test -p swarmtrace --lib failures_page -->

Each verdict has a stable id, for scripts and for this page. It is *proven* where
the evidence admits no other explanation, *likely* where another is possible, and
*unknown* where the failure is real and its cause was not seen. A verdict never
speaks of a drop without the kernel's report of one, or proof that the hop that
had to follow was watched and that no event was lost. A flow that works gets none.

Many can be made to happen on a real two-node Swarm in a VM: the command is given, and
shows what swarmtrace says of it. `cargo xtask scenarios` lists them all.

";

const INDISTINCT_HEAD: &str = "\
## What cannot be told apart

These failures look like others from every place where a packet can be watched.

";

fn table(page: &mut String) {
    page.push_str("| Verdict | Id |\n|---|---|\n");
    for rule in RULES {
        let (title, id) = (rule.title, rule.id);
        put(page, format_args!("| {title} | [`{id}`](#{id}) |\n"));
    }
    page.push('\n');
}

fn entry(page: &mut String, rule: &Rule) {
    put(page, format_args!("## {}\n\n", rule.id));
    put(page, format_args!("> {}\n\n", rule.title));
    let parts = [
        ("Symptom", rule.symptom),
        ("Cause", rule.cause),
        ("Evidence", rule.needs),
        ("Fix", rule.fix),
    ];
    for (name, text) in parts {
        put(page, format_args!("**{name}.** {text}\n\n"));
    }
    let played = SCENARIOS.iter().find(|(id, _)| *id == rule.id);
    if let Some((_, names)) = played {
        let commands: Vec<String> = names
            .iter()
            .map(|name| format!("`cargo xtask scenario {name}`"))
            .collect();
        let commands = commands.join(", ");
        put(page, format_args!("**Make it happen.** {commands}\n\n"));
    }
    if !rule.references.is_empty() {
        let links: Vec<String> = rule.references.iter().map(|r| link(r)).collect();
        put(page, format_args!("**See** {}\n\n", links.join(", ")));
    }
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
