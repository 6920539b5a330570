//! Notes of a live trace on standard error: gaps, the selection, and losses.

use std::collections::BTreeSet;

/// Gaps in what the trace sees; each is printed once.
#[derive(Debug, Default)]
pub struct Gaps {
    named: BTreeSet<String>,
}

impl Gaps {
    /// Prints gaps that were not printed before, on standard error.
    pub fn name(&mut self, gaps: impl Iterator<Item = String>) {
        for gap in gaps {
            if !self.named.contains(&gap) {
                anstream::eprintln!("swarmtrace: note: {gap}");
                self.named.insert(gap);
            }
        }
    }

    /// All gaps so far.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(String::as_str)
    }
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

/// How many events were lost, and where.
pub fn loss(lost: u64, by_cpu: &[u64]) -> String {
    if lost == 0 {
        return "no events lost".to_owned();
    }
    let cpus = by_cpu.iter().enumerate().filter(|(_, lost)| **lost > 0);
    let cpus: Vec<String> = cpus
        .map(|(cpu, lost)| format!("CPU {cpu}: {lost}"))
        .collect();
    format!(
        "{lost} events LOST ({}): hops may be missing; a larger --buffer helps",
        cpus.join(", ")
    )
}
