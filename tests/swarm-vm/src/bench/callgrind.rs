//! Instructions of user space for an event, counted by callgrind: a figure that is
//! the same on a slow machine, a busy one, and where the VM is emulated. It is
//! counted here, outside of the VM: the correlator does the same work anywhere.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use swarmtrace_programs as programs;

use super::account::Figures;

/// Connections of two runs: what both have in common, starting up, cancels out.
const CONNECTIONS: [u32; 2] = [500, 2500];

/// What of the correlator's work is counted.
const STAGES: [(&str, &str); 2] = [
    ("push", "correlator: instructions an event"),
    ("tell", "correlator and timeline: instructions an event"),
];

/// Counts, with the program `count_correlator`.
///
/// # Errors
/// Errors if valgrind is not installed, or does not understand the program.
pub fn figures(program: &Path) -> Result<Figures> {
    let mut figures = Figures::new();
    for (stage, name) in STAGES {
        let [few, many] = [
            count(program, stage, CONNECTIONS[0])?,
            count(program, stage, CONNECTIONS[1])?,
        ];
        let events = many.events - few.events;
        ensure!(events > 0.0, "count_correlator pushed no events");
        let each = (many.instructions - few.instructions) / events;
        figures.insert(name.to_owned(), each);
    }
    Ok(figures)
}

struct Counted {
    events: f64,
    instructions: f64,
}

fn count(program: &Path, stage: &str, connections: u32) -> Result<Counted> {
    let output = programs::command("valgrind")?
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([stage, &connections.to_string()])
        .output()
        .context("cannot run valgrind")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind: {stderr}");
    let instructions =
        collected(&stderr).with_context(|| format!("valgrind printed no count: {stderr}"))?;
    let printed: Value =
        serde_json::from_slice(&output.stdout).context("count_correlator printed no JSON")?;
    let events = printed["events"].as_f64().context("no number of events")?;
    Ok(Counted {
        events,
        instructions,
    })
}

/// `==123== Collected : 4711`
fn collected(stderr: &str) -> Option<f64> {
    let (_, count) = stderr.lines().find_map(|l| l.split_once("Collected : "))?;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found() {
        let stderr = "==7== Events    : Ir\n==7== Collected : 123456\n==7==\n";
        assert!((collected(stderr).unwrap() - 123_456.0).abs() < 0.5);
        assert!(collected("==7== Events    : Ir\n").is_none());
    }
}
