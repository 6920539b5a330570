//! A verdict on the terminal, for somebody at three in the morning: what broke,
//! where, why we think so, what shows it and what mends it, in a few lines.

use crate::diagnose::{Certainty, Verdict};
use std::fmt::Write;

/// Lines of evidence and of commands that are printed; the rest is in the JSON.
const EVIDENCE: usize = 3;
const COMMANDS: usize = 2;

/// How wide the text may be and whether it may be coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns; longer lines are wrapped at spaces, commands never.
    pub width: usize,
    /// ANSI colours.
    pub colour: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            width: 100,
            colour: false,
        }
    }
}

/// The verdict as text, each line ended.
pub fn text(verdict: &Verdict, style: Style) -> String {
    let mut out = String::new();
    let certainty = match verdict.certainty {
        Certainty::Proven => "proven",
        Certainty::Likely => "likely",
        Certainty::Unknown => "unknown",
    };
    let (strong, weak, plain) = match (style.colour, verdict.certainty) {
        (false, _) => ("", "", ""),
        (true, Certainty::Proven) => ("\x1b[1;31m", "\x1b[2m", "\x1b[0m"),
        (true, _) => ("\x1b[1;33m", "\x1b[2m", "\x1b[0m"),
    };
    let title = clean(&verdict.title);
    let id = clean(&verdict.id);
    put(
        &mut out,
        format_args!("{strong}{title}{plain} {weak}({certainty}, {id}){plain}\n"),
    );
    if let Some(site) = &verdict.hop {
        line(
            &mut out,
            style,
            "where",
            &format!("{}: {}", site.node, site.place),
        );
    }
    let mut label = "why";
    for evidence in verdict.evidence.iter().take(EVIDENCE) {
        line(&mut out, style, label, evidence);
        label = "";
    }
    let mut label = "show";
    for command in verdict.confirm.iter().take(COMMANDS) {
        put(&mut out, format_args!("  {label:<6} {}\n", clean(command)));
        label = "";
    }
    let references = match verdict.references.as_slice() {
        [] => String::new(),
        some => format!(" ({})", some.join(", ")),
    };
    line(
        &mut out,
        style,
        "fix",
        &format!("{}{references}", verdict.fix),
    );
    out
}

/// A labelled line, wrapped at spaces with a hanging indent.
fn line(out: &mut String, style: Style, label: &str, text: &str) {
    let room = style.width.saturating_sub(9).max(20);
    let mut label = label;
    let mut current = String::new();
    for word in clean(text).split_whitespace() {
        let long = current.chars().count() + 1 + word.chars().count() > room;
        if long && !current.is_empty() {
            put(out, format_args!("  {label:<6} {current}\n"));
            (label, current) = ("", String::new());
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(word);
    }
    put(out, format_args!("  {label:<6} {current}\n"));
}

/// Without control characters: names come from containers.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}
