//! A check's outcome as a table for people.

use super::words::{
    change, change_word, culprit, measure, measured, median, notable, owner, run, slower, verdict,
    whose, word,
};
use crate::output::style::{FAINT, GOOD, HEADING, NOTE, PLAIN, WRONG, paint};
use crate::output::table::Table;
use crate::recording::{CheckReport, Comparison, Outcome};
use anstyle::Style;
use std::fmt::Write;

/// The text.
pub fn render(report: &CheckReport) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{}  {}",
        paint(style(report.outcome), verdict(report.outcome)),
        paint(FAINT, run(&report.run))
    );
    for problem in &report.run.problems {
        let _ = writeln!(out, "  {} {problem}", paint(WRONG, "problem:"));
    }
    assertions(&mut out, report);
    comparisons(&mut out, report);
    if let Some(culprit) = culprit(report) {
        let _ = writeln!(out, "\n{}", paint(WRONG, culprit));
        for other in report.slower.iter().skip(1) {
            let _ = writeln!(out, "  also {}", slower(other));
        }
    }
    for note in &report.notes {
        let _ = writeln!(out, "{} {note}", paint(NOTE, "note:"));
    }
    for gap in &report.run.gaps {
        let _ = writeln!(out, "{} {gap}", paint(NOTE, "not seen:"));
    }
    out
}

fn style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Pass => GOOD,
        Outcome::Regression => WRONG,
        Outcome::Unmeasured => NOTE,
        Outcome::Skipped => FAINT,
    }
}

fn assertions(out: &mut String, report: &CheckReport) {
    let mut table = Table::default();
    let heading = |text: &str| (HEADING, text.to_owned());
    table.row(["assertion", "of", "measured", "samples", ""].map(heading));
    for checked in &report.assertions {
        // Why something is not on somebody's path is a long list of what is.
        let why = (checked.why.as_ref()).filter(|_| checked.outcome != Outcome::Skipped);
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        table.row([
            (PLAIN, checked.assertion.clone()),
            (PLAIN, whose(checked)),
            (PLAIN, measured(checked)),
            (PLAIN, checked.samples.to_string()),
            (
                style(checked.outcome),
                format!("{}{why}", word(checked.outcome)),
            ),
        ]);
    }
    out.push('\n');
    out.push_str(&table.render(2));
}

fn comparisons(out: &mut String, report: &CheckReport) {
    if report.comparisons.is_empty() {
        return;
    }
    let (shown, rest) = notable(report);
    let mut table = Table::default();
    let heading = |text: &str| (HEADING, text.to_owned());
    let columns = [
        "against the baseline",
        "of",
        "p50 then",
        "now",
        "change",
        "noise",
        "p",
        "",
    ];
    table.row(columns.map(heading));
    for compared in shown {
        let why = compared
            .why
            .as_ref()
            .map_or_else(String::new, |why| format!(": {why}"));
        table.row([
            (PLAIN, measure(&compared.measure)),
            (PLAIN, owner(&compared.service, &compared.backend)),
            (PLAIN, median(compared.before)),
            (PLAIN, median(compared.now)),
            (PLAIN, change(compared.change)),
            (FAINT, noise(compared)),
            (
                FAINT,
                compared.p.map_or_else(String::new, |p| format!("{p:.4}")),
            ),
            (colour(compared), format!("{}{why}", change_word(compared))),
        ]);
    }
    out.push('\n');
    out.push_str(&table.render(2));
    if rest > 0 {
        let compared = report.comparisons.iter().filter(|c| c.p.is_some()).count();
        let _ = writeln!(
            out,
            "  {}",
            paint(
                FAINT,
                format!("{rest} more edges; {compared} measures were compared in all")
            )
        );
    }
}

fn noise(compared: &Comparison) -> String {
    let noise = compared
        .noise
        .map(|noise| format!("±{:.0} %", noise * 100.0));
    noise.unwrap_or_default()
}

fn colour(compared: &Comparison) -> Style {
    if compared.faster {
        GOOD
    } else {
        style(compared.outcome)
    }
}
