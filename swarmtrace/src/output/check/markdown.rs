//! A check's outcome in Markdown, for a pull request.

use super::words::{
    change, change_word, culprit, measure, measured, median, notable, owner, run, verdict, whose,
    word,
};
use crate::recording::{CheckReport, Outcome};
use std::fmt::Write;

/// The text.
pub fn render(report: &CheckReport) -> String {
    let sign = match report.outcome {
        Outcome::Pass => "✅",
        Outcome::Regression => "❌",
        Outcome::Unmeasured | Outcome::Skipped => "⚠️",
    };
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "### {sign} swarmtrace check: {}\n",
        verdict(report.outcome)
    );
    let _ = writeln!(out, "{}\n", plain(&run(&report.run)));
    for problem in &report.run.problems {
        let _ = writeln!(out, "- **could not measure:** {}", plain(problem));
    }
    if let Some(culprit) = culprit(report) {
        let _ = writeln!(out, "**{}**\n", plain(&culprit));
    }
    out.push_str("\n| assertion | of | measured | samples | outcome |\n|---|---|--:|--:|---|\n");
    for checked in &report.assertions {
        let why = checked
            .why
            .as_ref()
            .map_or_else(String::new, |why| format!(": {why}"));
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            code(&checked.assertion),
            plain(&whose(checked)),
            measured(checked),
            checked.samples,
            outcome(checked.outcome, word(checked.outcome), &why),
        );
    }
    comparisons(&mut out, report);
    let more = report.notes.iter().chain(&report.run.gaps);
    let lines: Vec<String> = more.map(|note| format!("- {}\n", plain(note))).collect();
    if !lines.is_empty() {
        out.push('\n');
        out.push_str(&lines.concat());
    }
    out
}

fn comparisons(out: &mut String, report: &CheckReport) {
    if report.comparisons.is_empty() {
        return;
    }
    let (shown, rest) = notable(report);
    out.push_str("\n| against the baseline | of | p50 then | now | change | outcome |\n");
    out.push_str("|---|---|--:|--:|--:|---|\n");
    for compared in shown {
        let why = compared
            .why
            .as_ref()
            .map_or_else(String::new, |why| format!(": {why}"));
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            plain(&measure(&compared.measure)),
            plain(&owner(&compared.service, &compared.backend)),
            median(compared.before),
            median(compared.now),
            change(compared.change),
            outcome(compared.outcome, change_word(compared), &why),
        );
    }
    if rest > 0 {
        let _ = writeln!(out, "\n{rest} more edges are left out.");
    }
}

fn outcome(outcome: Outcome, word: &str, why: &str) -> String {
    let text = plain(&format!("{word}{why}"));
    if outcome == Outcome::Regression {
        format!("**{text}**")
    } else {
        text
    }
}

/// Text that is no Markdown, in one line.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' | '~' | '#' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Code in a table's cell, where a bar would end it.
fn code(text: &str) -> String {
    let clean: String = (text.chars())
        .map(|c| if c == '`' || c.is_control() { ' ' } else { c })
        .collect();
    format!("`{}`", clean.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_markup() {
        assert_eq!(plain("a_b|<c>\n"), "a\\_b\\|&lt;c&gt; ");
        assert_eq!(code("hop(a|b`).p50 < 1us"), "`hop(a\\|b ).p50 < 1us`");
    }
}
