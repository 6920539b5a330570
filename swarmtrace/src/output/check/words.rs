//! The words that the text, Markdown and JUnit reports of a check share.

use crate::output::units::{duration, offset};
use crate::recording::{
    AssertionResult, CheckReport, Comparison, Figures, Outcome, RunSummary, Slower, Unit,
};
use crate::sys::clock::Nanos;
use crate::timeline::Measure;

/// The outcome of the whole check.
pub fn verdict(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "passed",
        Outcome::Regression => "regression",
        Outcome::Unmeasured | Outcome::Skipped => "could not measure",
    }
}

/// The outcome of one assertion.
pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "ok",
        Outcome::Regression => "FAILED",
        Outcome::Unmeasured => "not measured",
        Outcome::Skipped => "skipped",
    }
}

/// The outcome of one comparison.
pub fn change_word(compared: &Comparison) -> &'static str {
    match compared.outcome {
        Outcome::Pass if compared.faster => "faster",
        Outcome::Pass => "same",
        Outcome::Regression => "SLOWER",
        other => word(other),
    }
}

/// The service and backend that an assertion was evaluated for; `all` for all
/// connections together.
pub fn whose(checked: &AssertionResult) -> String {
    match (&checked.service, &checked.backend) {
        (None, None) => "all".to_owned(),
        (Some(service), None) => service.clone(),
        (None, Some(backend)) => backend.clone(),
        (Some(service), Some(backend)) => owner(service, backend),
    }
}

/// The backend of a comparison, with its service unless its name contains that:
/// `vote.2`.
pub fn owner(service: &str, backend: &str) -> String {
    let says_it = (backend.strip_prefix(service)).is_some_and(|rest| rest.starts_with('.'));
    if says_it {
        backend.to_owned()
    } else {
        format!("{service} {backend}")
    }
}

/// The figure with its unit: `412 µs`, `3`, `0.5 %`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from a float saturates, and no latency takes centuries"
)]
pub fn measured(checked: &AssertionResult) -> String {
    match (checked.measured, checked.unit) {
        (None, _) => "–".to_owned(),
        (Some(ns), Unit::Nanoseconds) => time(Nanos::new(ns as i64)),
        (Some(share), Unit::Percent) => format!("{share:.2} %"),
        (Some(count), _) => format!("{count}"),
    }
}

/// A time that may be less than a microsecond.
pub fn time(time: Nanos) -> String {
    match time.unsigned() {
        ns @ 0..9_950 => format!("{:.1} µs", ns as f64 / 1e3),
        _ => duration(time),
    }
}

/// A measure's name.
pub fn measure(measure: &Measure) -> String {
    match measure {
        Measure::Handshake => "SYN → SYN-ACK".to_owned(),
        Measure::FirstByte => "first data → first data back".to_owned(),
        Measure::Edge {
            from,
            to,
            between_nodes,
            ..
        } => {
            let far = if *between_nodes { "other node's " } else { "" };
            format!("{from} → {far}{to}")
        }
    }
}

/// A change: `+20 %`.
pub fn change(change: Option<f64>) -> String {
    change.map_or_else(|| "–".to_owned(), |c| format!("{:+.0} %", c * 100.0))
}

/// A median.
pub fn median(figures: Option<Figures>) -> String {
    figures.map_or_else(|| "–".to_owned(), |f| time(f.p50_ns))
}

/// A measure that got slower, by how much, and to which backends.
pub fn slower(slower: &Slower) -> String {
    format!(
        "{}: {} ({}) to {}",
        measure(&slower.measure),
        change(Some(slower.change)),
        offset(slower.change_ns),
        slower.backends.join(", ")
    )
}

/// The hop that got slower most; `None` where nothing is slower.
pub fn culprit(report: &CheckReport) -> Option<String> {
    let first = report.slower.first()?;
    Some(match first.measure {
        Measure::Edge { .. } => format!("the hop that got slower most is {}", slower(first)),
        _ => format!("{}; no single hop stands out", slower(first)),
    })
}

/// The figures of the trace in one line.
pub fn run(run: &RunSummary) -> String {
    let connections = match run.connections {
        1 => "1 connection".to_owned(),
        n => format!("{n} connections"),
    };
    let nodes = match run.nodes.as_slice() {
        [] => String::new(),
        nodes => format!(" on {}", nodes.join(", ")),
    };
    let lost = match run.lost {
        Some(0) => "none lost".to_owned(),
        Some(lost) => format!("{lost} LOST"),
        None => "losses unknown".to_owned(),
    };
    let mut line = format!("{connections}{nodes}, {} events, {lost}", run.events);
    if run.unfinished > 0 {
        line += &format!(", {} still under way", run.unfinished);
    }
    line
}

/// The comparisons that get a line of their own, and the number of the others.
pub fn notable(report: &CheckReport) -> (Vec<&Comparison>, usize) {
    let is_notable = |c: &&Comparison| {
        let is_edge = matches!(c.measure, Measure::Edge { .. });
        c.outcome == Outcome::Regression || c.faster || !is_edge
    };
    let notable: Vec<&Comparison> = report.comparisons.iter().filter(is_notable).collect();
    let rest = report.comparisons.len() - notable.len();
    (notable, rest)
}
