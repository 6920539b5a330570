//! The catalogue of failures, each made to happen on the real Swarm.

use std::time::Instant;
use swarmtrace_tests::scenarios::all;
use swarmtrace_tests::scenarios::run::Stage;
use xtask::vm::Kernel;

#[test]
fn every_failure_is_told() {
    let since = Instant::now();
    let mut stage = Stage::up(Kernel::V6_1, "scenarios");
    let mut failed = Vec::new();
    for scenario in all() {
        let outcome = stage.play(scenario, false);
        let told: Vec<&str> = scenario.expect.iter().map(|e| e.id).collect();
        let ok = if outcome.wrong.is_empty() {
            "ok"
        } else {
            "FAILED"
        };
        println!(
            "{:30} {:6} {:5.1} s  {}",
            scenario.name,
            ok,
            outcome.took.as_secs_f64(),
            told.join(", ")
        );
        if !outcome.wrong.is_empty() {
            let wrong = outcome.wrong.join("\n  ");
            let said = outcome.verdicts.join("\n  ");
            failed.push(format!("{}:\n  {wrong}\n said:\n  {said}", scenario.name));
        }
    }
    println!("{:.0} s in all", since.elapsed().as_secs_f64());
    assert!(
        failed.is_empty(),
        "{} scenarios failed; `cargo xtask scenario NAME` plays one\n{}",
        failed.len(),
        failed.join("\n")
    );
}
