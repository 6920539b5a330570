//! The latency table: one line a measure.

use crate::output::columns::{left, right, width};
use crate::output::style::{FAINT, HEADING, paint};
use crate::output::units::duration;
use crate::timeline::{Latency, Leg, Measure};
use std::fmt::Write;

const COLUMNS: [&str; 5] = ["count", "p50", "p90", "p99", "max"];

/// The table as text, with a line break at its end.
pub fn render(latencies: &[Latency]) -> String {
    let names: Vec<String> = latencies.iter().map(|l| name(&l.measure)).collect();
    let widest = names.iter().map(|n| width(n)).max().unwrap_or(0);
    let mut text = left("", widest);
    for column in COLUMNS {
        let _ = write!(text, "  {}", paint(HEADING, right(column, 8)));
    }
    text.push('\n');
    let mut before = None;
    for (latency, name) in latencies.iter().zip(&names) {
        let section = section(&latency.measure);
        if section != before
            && let Some(heading) = section
        {
            let _ = writeln!(text, "{}", paint(FAINT, heading));
        }
        before = section;
        let _ = write!(
            text,
            "{}  {}",
            left(name, widest),
            right(&latency.count.to_string(), 8)
        );
        for ns in [
            latency.p50_ns,
            latency.p90_ns,
            latency.p99_ns,
            latency.max_ns,
        ] {
            let _ = write!(text, "  {}", right(&duration(ns), 8));
        }
        text.push('\n');
    }
    text
}

fn section(measure: &Measure) -> Option<&'static str> {
    match measure {
        Measure::Handshake | Measure::FirstByte => None,
        Measure::Edge {
            leg: Leg::Forward, ..
        } => Some("towards the task"),
        Measure::Edge {
            leg: Leg::Reply, ..
        } => Some("back to the client"),
    }
}

fn name(measure: &Measure) -> String {
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
            format!("  {from} → {far}{to}")
        }
    }
}
