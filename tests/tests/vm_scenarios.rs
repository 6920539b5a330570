//! The catalogue of failures, each made to happen on the real Swarm.
//!
//! On a busy machine that emulates the Swarm a run now and then ends before the
//! kernel has sent a packet again, or a daemon answers too late. A scenario that
//! is not as expected is played twice more and must be as expected both times; the list
//! shows how often it was played.

use needs::needs;
use scenarios::catalogue::all;
use scenarios::stage::Stage;
use std::time::Instant;
use swarm_vm::Kernel;

/// How often a scenario that went wrong is played again.
const AGAIN: usize = 2;

#[test]
fn every_failure_is_diagnosed() {
    needs!(Vm);
    let since = Instant::now();
    let mut stage = Stage::up(Kernel::V6_1, "scenarios");
    let (mut played, mut amiss) = (0, 0);
    let mut failed = Vec::new();
    for scenario in all() {
        let first = stage.play(scenario, false);
        let mut runs = vec![first];
        if !runs[0].wrong.is_empty() {
            runs.extend((0..AGAIN).map(|_| stage.play(scenario, false)));
        }
        let wrong = runs.iter().filter(|r| !r.wrong.is_empty()).count();
        played += runs.len();
        amiss += wrong;
        let expected: Vec<&str> = scenario.expect.iter().map(|e| e.id).collect();
        let ok = if wrong <= 1 { "ok" } else { "FAILED" };
        let right = format!("{}/{}", runs.len() - wrong, runs.len());
        let took: f64 = runs.iter().map(|r| r.took.as_secs_f64()).sum();
        println!(
            "{:30} {ok:6} {right} {took:5.1} s  {}",
            scenario.name,
            expected.join(", ")
        );
        if wrong > 0 {
            for outcome in runs.iter().filter(|r| !r.wrong.is_empty()) {
                println!("    not: {}", outcome.wrong.join("\n         "));
            }
        }
        if wrong > 1 {
            let outcome = &runs[0];
            let wrong = outcome.wrong.join("\n  ");
            let said = outcome.verdicts.join("\n  ");
            failed.push(format!("{}:\n  {wrong}\n said:\n  {said}", scenario.name));
        }
    }
    println!(
        "{} of {played} runs as they should be, {:.0} s in all",
        played - amiss,
        since.elapsed().as_secs_f64()
    );
    assert!(
        failed.is_empty(),
        "{} scenarios failed; `cargo xtask scenario NAME` plays one\n{}",
        failed.len(),
        failed.join("\n")
    );
}
