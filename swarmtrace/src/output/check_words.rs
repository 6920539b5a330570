//! How a check's findings are worded, in whatever format.

use super::paint::duration;
use crate::check::compare::{Compared, Figures, Slower};
use crate::check::{Checked, Outcome, Report, Run};
use crate::timeline::Measure;

/// The whole outcome in two words.
pub fn verdict(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "passed",
        Outcome::Regression => "regression",
        Outcome::Unmeasured | Outcome::Skipped => "could not measure",
    }
}

/// One line's outcome.
pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "ok",
        Outcome::Regression => "FAILED",
        Outcome::Unmeasured => "not measured",
        Outcome::Skipped => "skipped",
    }
}

/// A comparison's outcome.
pub fn change_word(compared: &Compared) -> &'static str {
    match compared.outcome {
        Outcome::Pass if compared.faster => "faster",
        Outcome::Pass => "same",
        Outcome::Regression => "SLOWER",
        other => word(other),
    }
}

/// Whose an assertion is.
pub fn whose(checked: &Checked) -> String {
    match (&checked.service, &checked.backend) {
        (None, None) => "all".to_owned(),
        (Some(service), None) => service.clone(),
        (None, Some(backend)) => backend.clone(),
        (Some(service), Some(backend)) => owner(service, backend),
    }
}

/// Whose a comparison is: `vote.2` says which service it is of.
pub fn owner(service: &str, backend: &str) -> String {
    let says_it = (backend.strip_prefix(service)).is_some_and(|rest| rest.starts_with('.'));
    if says_it {
        backend.to_owned()
    } else {
        format!("{service} {backend}")
    }
}

/// What was measured: `412 µs`, `3`, `0.5 %`.
pub fn measured(checked: &Checked) -> String {
    match (checked.measured, checked.unit) {
        (None, _) => "–".to_owned(),
        (Some(ns), "ns") => time(ns as u64),
        (Some(share), "%") => format!("{:.2} %", share),
        (Some(count), _) => format!("{count}"),
    }
}

/// A time that may be less than a microsecond.
pub fn time(ns: u64) -> String {
    match ns {
        0..9_950 => format!("{:.1} µs", ns as f64 / 1e3),
        _ => duration(ns),
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

/// What got slower, by how much, for whom.
pub fn slower(slower: &Slower) -> String {
    format!(
        "{}: {} ({}) to {}",
        measure(&slower.measure),
        change(Some(slower.change)),
        super::paint::offset(slower.change_ns),
        slower.backends.join(", ")
    )
}

/// Where the time went; `None` where nothing is slower.
pub fn culprit(report: &Report) -> Option<String> {
    let first = report.slower.first()?;
    Some(match first.measure {
        Measure::Edge { .. } => format!("the hop that got slower most is {}", slower(first)),
        _ => format!("{}; no single hop stands out", slower(first)),
    })
}

/// The trace in a line.
pub fn run(run: &Run) -> String {
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

/// Comparisons worth a line of their own, and how many are not.
pub fn notable(report: &Report) -> (Vec<&Compared>, usize) {
    let is_notable = |c: &&Compared| {
        let is_edge = matches!(c.measure, Measure::Edge { .. });
        c.outcome == Outcome::Regression || c.faster || !is_edge
    };
    let notable: Vec<&Compared> = report.comparisons.iter().filter(is_notable).collect();
    let rest = report.comparisons.len() - notable.len();
    (notable, rest)
}
