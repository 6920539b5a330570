//! Plays scenarios of the catalogue of failures: `cargo xtask scenario NAME`.
//!
//! `cargo run -p swarmtrace-tests --example scenario -- [list | NAME [TIMES]]`

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
        [name] => play(name, 1),
        [name, times] => match times.parse() {
            Ok(times) => play(name, times),
            Err(_) => complain(&format!("{times} is not a number")),
        },
        _ => complain("usage: scenario [list | NAME [TIMES]]"),
    }
}

fn complain(what: &str) -> ExitCode {
    eprintln!("error: {what}");
    ExitCode::from(2)
}

fn play(name: &str, times: u32) -> ExitCode {
    let Some(scenario) = find(name) else {
        return complain(&format!(
            "no scenario {name}; `cargo xtask scenarios` lists them"
        ));
    };
    if let Err(error) = interrupt::install() {
        return complain(&format!("{error:#}"));
    }
    let mut stage = Stage::up(Kernel::default(), "scenario");
    let mut failed = 0;
    println!("{}: {}", scenario.name, scenario.about);
    for time in 1..=times {
        let outcome = stage.play(scenario, time == 1);
        print!("{}", outcome.text);
        println!();
        for line in &outcome.verdicts {
            println!("  {line}");
        }
        for line in &outcome.wrong {
            println!("  WRONG {line}");
        }
        failed += u32::from(!outcome.wrong.is_empty());
        let how = if outcome.wrong.is_empty() { "as expected" } else { "NOT as expected" };
        println!("{time}/{times}: {how}, {:.1} s", outcome.took.as_secs_f64());
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
