//! What is said on standard error about a trace itself.

use crate::session::{Trace, TraceFigures};
use std::collections::BTreeSet;

/// What could not be seen, each said once.
#[derive(Debug, Default)]
pub struct Gaps {
    named: BTreeSet<String>,
}

impl Gaps {
    /// Says what cannot be seen and was not said before.
    pub fn name(&mut self, trace: Option<&Trace>) {
        for gap in trace.into_iter().flat_map(Trace::gaps) {
            if !self.named.contains(&gap) {
                anstream::eprintln!("swarmtrace: note: {gap}");
                self.named.insert(gap);
            }
        }
    }

    /// All that was said.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(String::as_str)
    }
}

/// Says what is traced and where; tests and scripts wait for this line. Errors of
/// tapping are named before.
pub fn announce(what: &str, trace: Option<&Trace>, until: &str) {
    let Some(trace) = trace else {
        return;
    };
    let (taps, namespaces) = trace.tap_counts();
    anstream::eprintln!(
        "swarmtrace: tracing {what} on {}: {taps} devices tapped in {namespaces} \
         namespaces{until}",
        trace.topology().hostname,
    );
}

/// `vote:8080 on overlay1`, `every service`
pub fn what(services: &[String], port: Option<u16>, network: Option<&str>) -> String {
    let services = match services {
        [] => "every service".to_owned(),
        names => names.join(", "),
    };
    let port = port.map(|p| format!(":{p}"));
    let network = network.map(|n| format!(" on {n}"));
    format!(
        "{services}{}{}",
        port.unwrap_or_default(),
        network.unwrap_or_default()
    )
}

/// `1 connection`, `7 connections`
pub fn connections(count: u64) -> String {
    match count {
        1 => "1 connection".to_owned(),
        n => format!("{n} connections"),
    }
}

/// How many events were lost, and on which CPUs.
pub fn loss(figures: &TraceFigures) -> String {
    let lost = figures.lost.unwrap_or_default();
    if lost == 0 {
        return "no events lost".to_owned();
    }
    let by_cpu = figures.lost_by_cpu.iter().enumerate();
    let cpus: Vec<String> = by_cpu
        .filter(|(_, lost)| **lost > 0)
        .map(|(cpu, lost)| format!("CPU {cpu}: {lost}"))
        .collect();
    format!(
        "{lost} events LOST ({}): hops may be missing; a larger --buffer helps",
        cpus.join(", ")
    )
}

/// `swarmtrace: 3 connections, 120 events, 1 still under way; no events lost`
pub fn last_line(counted: u64, figures: &TraceFigures) -> String {
    let mut line = format!(
        "swarmtrace: {}, {} events",
        connections(counted),
        figures.events
    );
    if figures.unfinished > 0 {
        line += &format!(", {} still under way", figures.unfinished);
    }
    if figures.evicted > 0 {
        line += &format!(", {} too many to keep", figures.evicted);
    }
    line + "; " + &loss(figures)
}
