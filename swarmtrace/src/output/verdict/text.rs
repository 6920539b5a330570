//! A verdict on the terminal: what broke, where, the evidence, commands that
//! confirm it, and the fix, in a few lines.

use crate::diagnose::{Certainty, Diagnosis};
use crate::output::columns::{left, wrap};
use crate::output::style::{FAINT, NOTE, WRONG, paint};
use std::fmt::Write;

/// Lines of evidence and of commands that are printed; the rest is in the JSON.
const EVIDENCE: usize = 3;
const COMMANDS: usize = 2;
/// Columns that text is wrapped to.
const WIDTH: usize = 98;
/// Columns before the text of a line: indent, label, space.
const MARGIN: usize = 9;

/// The verdict as text, each line ended. Commands are never wrapped.
pub fn render(verdict: &Diagnosis) -> String {
    let mut out = String::new();
    let (certainty, style) = match verdict.certainty() {
        Certainty::Proven => ("proven", WRONG),
        Certainty::Likely => ("likely", NOTE),
        Certainty::Unknown => ("unknown", NOTE),
    };
    let title = paint(style, clean(&verdict.title));
    let kind = paint(
        FAINT,
        format!("({certainty}, {})", clean(verdict.id.as_str())),
    );
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "{title} {kind}");
    if let Some(site) = &verdict.hop {
        line(&mut out, "where", &format!("{}: {}", site.node, site.place));
    }
    let mut label = "why";
    for evidence in verdict.evidence.iter().take(EVIDENCE) {
        line(&mut out, label, evidence);
        label = "";
    }
    let mut label = "show";
    for command in verdict.confirm.iter().take(COMMANDS) {
        let _ = writeln!(out, "  {} {}", left(label, 6), clean(command));
        label = "";
    }
    let references = match verdict.references.as_slice() {
        [] => String::new(),
        some => format!(" ({})", some.join(", ")),
    };
    line(&mut out, "fix", &format!("{}{references}", verdict.fix));
    out
}

/// The verdict as text below a timeline, indented as that is.
pub fn indented(verdict: &Diagnosis) -> String {
    let text = render(verdict);
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// A labelled line, wrapped at spaces with a hanging indent.
fn line(out: &mut String, label: &str, text: &str) {
    let mut label = label;
    for part in wrap(clean(text).trim(), WIDTH - MARGIN) {
        let _ = writeln!(out, "  {} {part}", left(label, 6));
        label = "";
    }
}

/// Without control characters: names come from containers.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
