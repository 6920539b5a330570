//! Plays scenarios of the catalogue of failures: `cargo xtask scenario NAME`.
//!
//! `cargo run -p swarmtrace-tests --example scenario -- [list | check NAME... | table TIMES JOBS | TIMES NAME...]`

use scenarios::catalogue::{Scenario, all, find};
use scenarios::stage::{Outcome, Stage};
use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Mutex;
use xtask::vm::{Kernel, interrupt};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] | ["list"] => {
            for s in all() {
                println!("{:30} {}", s.name, s.about);
            }
            ExitCode::SUCCESS
        }
        ["table", times, jobs] => match (times.parse(), jobs.parse()) {
            (Ok(times), Ok(jobs)) => table(times, jobs),
            _ => complain("how often, and how many at once, are numbers"),
        },
        ["check", ref names @ ..] => play(names, 1, false),
        [times, ref names @ ..] => match times.parse() {
            Ok(times) => play(names, times, true),
            Err(_) => complain(&format!("{times} is not a number of times")),
        },
    }
}

fn complain(what: &str) -> ExitCode {
    eprintln!("error: {what}");
    ExitCode::from(2)
}

fn play(names: &[&str], times: u32, show: bool) -> ExitCode {
    let mut scenarios = Vec::new();
    for name in names {
        let Some(scenario) = find(name) else {
            return complain(&format!(
                "no scenario {name}; `cargo xtask scenarios` lists them"
            ));
        };
        scenarios.push(scenario);
    }
    if let Err(error) = interrupt::install() {
        return complain(&format!("{error:#}"));
    }
    let mut stage = Stage::up(Kernel::default(), "scenario");
    let mut failed = 0;
    for scenario in scenarios {
        println!("{}: {}", scenario.name, scenario.about);
        for time in 1..=times {
            let outcome = stage.play(scenario, show && time == 1);
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
            failed += u32::from(!outcome.wrong.is_empty());
            let took = outcome.took.as_secs_f64();
            println!("{} {time}/{times}: {how}, {took:.1} s", scenario.name);
        }
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Of a hundred runs of a scenario, so many have to be told as they should be.
const ENOUGH_PERCENT: usize = 95;

/// Plays every scenario so often, on so many Swarms side by side, and prints how
/// often each was told as it should be.
fn table(times: usize, jobs: usize) -> ExitCode {
    if let Err(error) = interrupt::install() {
        return complain(&format!("{error:#}"));
    }
    let waiting: Mutex<VecDeque<&Scenario>> = Mutex::new(all().collect());
    let poor = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for job in 0..jobs {
            let (waiting, poor) = (&waiting, &poor);
            scope.spawn(move || {
                let mut stage = Stage::up(Kernel::default(), &format!("scenario-{job}"));
                while let Some(scenario) = next(waiting) {
                    let runs: Vec<Outcome> =
                        (0..times).map(|_| stage.play(scenario, false)).collect();
                    let right = runs.iter().filter(|r| r.wrong.is_empty()).count();
                    let took: f64 = runs.iter().map(|r| r.took.as_secs_f64()).sum();
                    let each = took / times.max(1) as f64;
                    println!("{:30} {right:>3}/{times} {each:6.1} s each", scenario.name);
                    for run in runs.iter().filter(|r| !r.wrong.is_empty()) {
                        println!("    not: {}", run.wrong.join("\n         "));
                        println!("    said: {}", run.verdicts.join("\n          "));
                    }
                    if right * 100 < times * ENOUGH_PERCENT {
                        poor.lock().expect("nobody panics here").push(scenario.name);
                    }
                }
            });
        }
    });
    let poor = poor.into_inner().expect("nobody panicked");
    if poor.is_empty() {
        println!("each was told in at least {ENOUGH_PERCENT} % of its runs");
        return ExitCode::SUCCESS;
    }
    println!("in less than {ENOUGH_PERCENT} %: {}", poor.join(", "));
    ExitCode::FAILURE
}

fn next<'a>(waiting: &Mutex<VecDeque<&'a Scenario>>) -> Option<&'a Scenario> {
    waiting.lock().expect("nobody panics here").pop_front()
}
