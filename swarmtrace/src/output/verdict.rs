//! A verdict on the terminal, for somebody at three in the morning: what broke,
//! where, why we think so, what shows it and what mends it, in a few lines.

use super::paint::{Ink, Painter, left};
use crate::diagnose::{Certainty, Verdict};
use std::fmt::Write;

/// Lines of evidence and of commands that are printed; the rest is in the JSON.
const EVIDENCE: usize = 3;
const COMMANDS: usize = 2;
/// Columns that text is wrapped to where the terminal does not matter.
const WIDTH: usize = 100;

/// The verdict as text, each line ended. Text is wrapped to `width` columns,
/// commands never are.
pub fn text(verdict: &Verdict, width: usize, painter: Painter) -> String {
    let mut out = String::new();
    let (certainty, ink) = match verdict.certainty {
        Certainty::Proven => ("proven", Ink::Bad),
        Certainty::Likely => ("likely", Ink::Warning),
        Certainty::Unknown => ("unknown", Ink::Warning),
    };
    let title = painter.paint(ink, &clean(&verdict.title));
    let kind = painter.paint(
        Ink::Faint,
        &format!("({certainty}, {})", clean(&verdict.id)),
    );
    put(&mut out, format_args!("{title} {kind}\n"));
    if let Some(site) = &verdict.hop {
        line(
            &mut out,
            width,
            "where",
            &format!("{}: {}", site.node, site.place),
        );
    }
    let mut label = "why";
    for evidence in verdict.evidence.iter().take(EVIDENCE) {
        line(&mut out, width, label, evidence);
        label = "";
    }
    let mut label = "show";
    for command in verdict.confirm.iter().take(COMMANDS) {
        put(
            &mut out,
            format_args!("  {} {}\n", left(label, 6), clean(command)),
        );
        label = "";
    }
    let references = match verdict.references.as_slice() {
        [] => String::new(),
        some => format!(" ({})", some.join(", ")),
    };
    line(
        &mut out,
        width,
        "fix",
        &format!("{}{references}", verdict.fix),
    );
    out
}

/// The verdict as text below a timeline, indented as that is.
pub fn below(verdict: &Verdict, painter: Painter) -> String {
    let lines = text(verdict, WIDTH - 2, painter);
    lines.lines().map(|line| format!("  {line}\n")).collect()
}

/// A labelled line, wrapped at spaces with a hanging indent.
fn line(out: &mut String, width: usize, label: &str, text: &str) {
    let room = width.saturating_sub(9).max(20);
    let mut label = label;
    let mut current = String::new();
    for word in clean(text).split_whitespace() {
        let long = current.chars().count() + 1 + word.chars().count() > room;
        if long && !current.is_empty() {
            put(out, format_args!("  {} {current}\n", left(label, 6)));
            (label, current) = ("", String::new());
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(word);
    }
    put(out, format_args!("  {} {current}\n", left(label, 6)));
}

/// Without control characters: names come from containers.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}
