//! A table of the answers to `probe`, then a verdict on each target.

use crate::output::style::{FAINT, GOOD, HEADING, NAME, NOTE, PLAIN, WRONG, paint};
use crate::output::table::Table;
use crate::probe::{Answer, Entry, Judged, Report};
use anstyle::Style;

/// The report's text.
pub fn render(report: &Report) -> String {
    let all = report.results.len();
    let summary = match report.failures() {
        0 => paint(GOOD, format!("all {all} pass")),
        n => paint(WRONG, format!("{n} of {all} do not pass")),
    };
    let mut out = format!(
        "{} from {}: {summary}\n",
        paint(HEADING, &report.service),
        paint(HEADING, &report.node),
    );
    let mut table = Table::default();
    let head = ["FROM", "TO", "TASK", "TCP", "ECHO", "FULL SIZE"];
    table.row(head.map(|h| (FAINT, h.to_owned())));
    for one in &report.results {
        row(&mut table, one);
    }
    out.push_str(&table.render(2));
    for one in &report.results {
        let style = match one.verdict.kind.passes() {
            true => FAINT,
            false => PLAIN,
        };
        let mark = match one.verdict.kind.passes() {
            true => paint(GOOD, "passes"),
            false => paint(WRONG, "FAILS "),
        };
        let text = paint(style, &one.verdict.text);
        out.push_str(&format!("{mark}  {}: {text}\n", paint(NAME, name(one))));
    }
    for gap in &report.not_probed {
        out.push_str(&format!("{} {gap}\n", paint(NOTE, "not probed:")));
    }
    out
}

fn name(one: &Judged) -> String {
    let target = &one.outcome.target;
    match (target.entry, &target.task) {
        (Entry::Mesh, _) | (_, None) => {
            format!("{}:{}", target.address, target.port.unwrap_or_default())
        }
        (_, Some(task)) => format!("{task} on {}", target.network),
    }
}

fn row(table: &mut Table, one: &Judged) {
    let (outcome, target) = (&one.outcome, &one.outcome.target);
    let to = match target.port {
        Some(port) => format!("{}:{port}", target.address),
        None => target.address.to_string(),
    };
    let task = match (&target.task, &target.node) {
        (Some(task), Some(node)) => format!("{task} @ {node}"),
        (Some(task), None) => task.clone(),
        (None, _) => "any, by the mesh".to_owned(),
    };
    let full = match (target.mtu, outcome.largest) {
        (_, Some(largest)) => (WRONG, format!("lost; {largest} passes")),
        (Some(mtu), None) if !outcome.full.is_empty() => {
            let (style, text) = answers(&outcome.full);
            (style, format!("{mtu}: {text}"))
        }
        _ => (FAINT, "-".to_owned()),
    };
    let from = format!("{} ({})", target.from, target.network);
    table.row([
        (PLAIN, from),
        (PLAIN, to),
        (NAME, task),
        answers(&outcome.tcp),
        answers(&outcome.small),
        full,
    ]);
}

/// The number of answers and the fastest of them, else what came instead.
fn answers(answers: &[Answer]) -> (Style, String) {
    let times = answers.iter().filter_map(|a| match a {
        Answer::Answered { micros } => Some(*micros),
        _ => None,
    });
    let came = times.clone().count();
    let part = match came == answers.len() {
        true => String::new(),
        false => format!("{came}/{} ", answers.len()),
    };
    let style = if part.is_empty() { GOOD } else { WRONG };
    match (times.min(), answers.first()) {
        (Some(micros), _) => {
            let (whole, part_of) = (micros / 1000, micros % 1000 / 10);
            (style, format!("{part}{whole}.{part_of:02} ms"))
        }
        (None, None) => (FAINT, "-".to_owned()),
        (None, Some(Answer::Refused)) => (WRONG, "refused".to_owned()),
        (None, Some(Answer::TooBig)) => (WRONG, "too big".to_owned()),
        (None, Some(Answer::Failed { why })) => (WRONG, why.clone()),
        (None, Some(_)) => (WRONG, "no answer".to_owned()),
    }
}
