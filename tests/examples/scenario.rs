//! Plays scenarios of the catalogue of failures: `cargo xtask scenario NAME`.
//!
//! `cargo run -p swarmtrace-tests --example scenario -- [list | check NAME... | TIMES NAME...]`

use std::process::ExitCode;
use swarmtrace_tests::scenarios::run::Stage;
use swarmtrace_tests::scenarios::{all, find};
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
