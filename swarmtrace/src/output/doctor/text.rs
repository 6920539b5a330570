//! The findings of `doctor`, the worst first, a paragraph each.

use crate::doctor::{Examination, Finding, Severity};
use crate::output::columns::{width, wrap};
use crate::output::style::{FAINT, HEADING, NOTE, PLAIN, WRONG, paint};
use anstyle::Style;
use std::fmt::Write;

/// Columns that a line may have.
const WIDTH: usize = 100;
/// What comes between what lasts and the commands that help now.
const AT_ONCE: &str = "At once: ";
/// Columns of a line's label.
const LABEL: usize = 10;

/// The report's text.
pub fn render(report: &Examination) -> String {
    let mut out = summary(report);
    for finding in &report.findings {
        out.push('\n');
        out.push_str(&paragraph(finding));
    }
    if !report.not_checked.is_empty() {
        out.push('\n');
    }
    for gap in &report.not_checked {
        let place = match &gap.namespace {
            Some(namespace) => format!("{namespace}: "),
            None => String::new(),
        };
        let what = match gap.what.len() {
            // What all checks build on.
            n if n == report.checks => "nothing fully".to_owned(),
            _ => gap.what.join("; "),
        };
        let text = format!("{place}{} ({what})", gap.why);
        line(&mut out, "not checked:", NOTE, PLAIN, &text);
    }
    out
}

fn summary(report: &Examination) -> String {
    let counts: Vec<String> = [
        (Severity::Broken, "broken"),
        (Severity::Risky, "risky"),
        (Severity::Note, "noted"),
    ]
    .into_iter()
    .filter_map(|(severity, word)| match report.count(severity) {
        0 => None,
        n => Some(format!("{n} {word}")),
    })
    .collect();
    let verdict = match (counts.as_slice(), report.docker.as_str()) {
        ([], "") => "hardly examined: Docker did not answer".to_owned(),
        ([], _) => "nothing wrong was found".to_owned(),
        (counts, _) => counts.join(", "),
    };
    let docker = match report.docker.as_str() {
        "" => "without Docker".to_owned(),
        version => format!("Docker {version}"),
    };
    let scope = format!(
        "{docker}, {} checks, rules and settings of {} namespaces",
        report.checks, report.namespaces
    );
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{}: {}  {}",
        paint(HEADING, &report.node),
        paint(HEADING, verdict),
        paint(FAINT, format!("({scope})"))
    );
    out
}

fn paragraph(finding: &Finding) -> String {
    let (word, style) = match finding.severity {
        Severity::Broken => ("BROKEN", WRONG),
        Severity::Risky => ("RISKY", NOTE),
        Severity::Note => ("NOTE", FAINT),
    };
    let mut out = String::new();
    line(&mut out, word, style, HEADING, finding.what());
    let place = finding.location().cloned().unwrap_or_default();
    let parts: Vec<String> = [
        ("", &place.namespace),
        ("", &place.device),
        ("network ", &place.network),
        ("service ", &place.service),
        ("towards ", &place.node),
    ]
    .into_iter()
    .filter_map(|(before, part)| Some(format!("{before}{}", part.as_ref()?)))
    .collect();
    let diagnosis = &finding.diagnosis;
    let issues = match diagnosis.references.as_slice() {
        [] => String::new(),
        issues => format!(" [{}]", issues.join(", ")),
    };
    let rows = [
        ("where", parts.join(" · ")),
        ("why", format!("{}{issues}", finding.why)),
    ];
    for (label, text) in rows.iter().filter(|(_, text)| !text.is_empty()) {
        line(&mut out, &format!("  {label}"), FAINT, PLAIN, text);
    }
    commands(&mut out, "  confirm", "", &diagnosis.confirm.join("; "));
    match diagnosis.fix.split_once(AT_ONCE) {
        Some((prose, now)) => commands(&mut out, "  fix", prose.trim_end(), now),
        None if diagnosis.fix.starts_with("sudo ") => {
            commands(&mut out, "  fix", "", &diagnosis.fix);
        }
        None => line(&mut out, "  fix", FAINT, PLAIN, &diagnosis.fix),
    }
    out
}

/// Prose, then commands, each on a line of its own however long it is: what is
/// copied from a broken line would run in part.
fn commands(out: &mut String, label: &str, prose: &str, text: &str) {
    let mut label = label;
    if !prose.is_empty() {
        line(out, label, FAINT, PLAIN, &format!("{prose} At once:"));
        label = "";
    }
    for (at, command) in text.split("; sudo ").enumerate() {
        let sudo = if at == 0 { "" } else { "sudo " };
        let head = format!("{label:LABEL$}");
        let _ = writeln!(out, "{}{sudo}{command}", paint(FAINT, head));
        label = "";
    }
}

/// A label and its text, wrapped at spaces and indented.
fn line(out: &mut String, label: &str, label_style: Style, style: Style, text: &str) {
    let indent = LABEL.max(width(label) + 1);
    let rows = wrap(text, WIDTH.saturating_sub(indent));
    for (at, row) in rows.iter().enumerate() {
        let head = match at {
            0 => format!(
                "{}{}",
                paint(label_style, label),
                " ".repeat(indent - width(label))
            ),
            _ => " ".repeat(indent),
        };
        let _ = writeln!(out, "{head}{}", paint(style, row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::NotChecked;
    use crate::failure::{FDB_MISSING, Location, ReadFrom};
    use crate::output::style::plain;

    #[test]
    fn a_report() {
        let report = Examination {
            node: "node-a".into(),
            docker: "26.1.5".into(),
            findings: vec![
                Finding::proven(
                    &FDB_MISSING,
                    Severity::Broken,
                    ReadFrom::ForwardingTable,
                    "no forwarding entry for vote.2 (10.0.0.6)",
                    Location::namespace("1-f0l1ik19u8")
                        .device("vxlan0")
                        .service("vote"),
                )
                .why("word ".repeat(30).trim())
                .confirm("sudo ip neigh")
                .confirm("sudo bridge fdb")
                .fix("Restart it. At once: sudo a; sudo b"),
            ],
            not_checked: vec![NotChecked {
                what: vec!["rules".into()],
                namespace: Some("host".into()),
                why: "iptables-nft-save is not installed".into(),
            }],
            checks: 19,
            namespaces: 3,
        };
        let text = plain(&render(&report));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "node-a: 1 broken  (Docker 26.1.5, 19 checks, rules and settings of 3 namespaces)"
        );
        assert_eq!(
            lines[2],
            "BROKEN    no forwarding entry for vote.2 (10.0.0.6)"
        );
        assert_eq!(lines[3], "  where   1-f0l1ik19u8 · vxlan0 · service vote");
        assert!(lines[5].starts_with("          word"));
        assert!(text.contains("[moby#52661, moby#53663]"));
        let of = |label: &str| lines.iter().position(|l| l.starts_with(label)).unwrap();
        let (confirm, fix) = (of("  confirm"), of("  fix"));
        assert_eq!(lines[confirm], "  confirm sudo ip neigh");
        assert_eq!(lines[confirm + 1], "          sudo bridge fdb");
        assert_eq!(lines[fix], "  fix     Restart it. At once:");
        assert_eq!(
            lines[fix + 1..fix + 3],
            ["          sudo a", "          sudo b"]
        );
        assert!(lines.iter().all(|l| l.chars().count() <= WIDTH));
        assert_eq!(
            lines.last().unwrap(),
            &"not checked: host: iptables-nft-save is not installed (rules)"
        );
    }
}
