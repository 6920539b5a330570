//! The catalogue for people: its list, one scenario with all that its user would
//! see, and a table of how often each is recognised.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use swarm_vm::{Kernel, interrupt};

use crate::catalogue::{Scenario, all, find};
use crate::stage::{Outcome, Stage};

/// Of all runs of a scenario, this share has to be as expected.
const ENOUGH_PERCENT: usize = 95;

/// Prints every scenario's name and what happens in it.
pub fn list() {
    for scenario in all() {
        println!("{:30} {}", scenario.name, scenario.about);
    }
}

/// Plays one scenario `times` times and prints the verdicts, the first time with
/// swarmtrace's own text. Returns whether every run was as expected.
///
/// # Errors
/// Errors if there is no scenario of that name.
pub fn play(name: &str, times: u32) -> Result<bool> {
    let scenario = find(name)
        .with_context(|| format!("no scenario {name}; `cargo xtask scenarios` lists them"))?;
    interrupt::install()?;
    let mut stage = Stage::up(Kernel::default(), "scenario");
    println!("{}: {}", scenario.name, scenario.about);
    let mut all_as_expected = true;
    for time in 1..=times {
        let outcome = stage.play(scenario, time == 1);
        println!("{}", outcome.text);
        for line in &outcome.verdicts {
            println!("  {line}");
        }
        for line in &outcome.wrong {
            println!("  WRONG {line}");
        }
        let how = match outcome.wrong.is_empty() {
            true => "as expected",
            false => "NOT as expected",
        };
        all_as_expected &= outcome.wrong.is_empty();
        let seconds = outcome.took.as_secs_f64();
        println!("{name} {time}/{times}: {how}, {seconds:.1} s");
    }
    Ok(all_as_expected)
}

/// Plays every scenario `times` times, on `jobs` Swarms side by side, and prints
/// how often each was as expected. Returns whether each was in at least 95 % of its
/// runs.
///
/// # Errors
/// Errors if signals cannot be handled.
pub fn table(times: usize, jobs: usize) -> Result<bool> {
    interrupt::install()?;
    let waiting: Mutex<VecDeque<&Scenario>> = Mutex::new(all().collect());
    let unreliable = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for job in 0..jobs {
            let (waiting, unreliable) = (&waiting, &unreliable);
            scope.spawn(move || {
                let mut stage = Stage::up(Kernel::default(), &format!("scenario-{job}"));
                while let Some(scenario) = next(waiting) {
                    let runs: Vec<Outcome> =
                        (0..times).map(|_| stage.play(scenario, false)).collect();
                    let right = print_row(scenario, &runs);
                    if right * 100 < times * ENOUGH_PERCENT {
                        let mut names = unreliable.lock().unwrap_or_else(PoisonError::into_inner);
                        names.push(scenario.name);
                    }
                }
            });
        }
    });
    let unreliable = unreliable
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    if unreliable.is_empty() {
        println!("each was as expected in at least {ENOUGH_PERCENT} % of its runs");
    } else {
        println!("in less than {ENOUGH_PERCENT} %: {}", unreliable.join(", "));
    }
    Ok(unreliable.is_empty())
}

/// Prints how the runs of a scenario went; returns how many were as expected.
fn print_row(scenario: &Scenario, runs: &[Outcome]) -> usize {
    let times = runs.len();
    let right = runs.iter().filter(|run| run.wrong.is_empty()).count();
    let seconds: f64 = runs.iter().map(|run| run.took.as_secs_f64()).sum();
    let each = seconds / times.max(1) as f64;
    println!("{:30} {right:>3}/{times} {each:6.1} s each", scenario.name);
    for run in runs.iter().filter(|run| !run.wrong.is_empty()) {
        println!("    wrong: {}", run.wrong.join("\n           "));
        println!("    verdicts: {}", run.verdicts.join("\n              "));
    }
    right
}

fn next<'a>(waiting: &Mutex<VecDeque<&'a Scenario>>) -> Option<&'a Scenario> {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.pop_front()
}
