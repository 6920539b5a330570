//! Plays scenarios of the catalogue of failures: `cargo xtask scenario NAME`.
//!
//! `cargo run -p swarmtrace-tests --example scenario -- [list | table TIMES JOBS | TIMES NAME...]`

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let passed = match words[..] {
        ["table", times, jobs] => match (times.parse(), jobs.parse()) {
            (Ok(times), Ok(jobs)) => scenarios::play::table(times, jobs),
            _ => return complain("TIMES and JOBS are numbers"),
        },
        [times, name] => match times.parse() {
            Ok(times) => scenarios::play::play(name, times),
            Err(_) => return complain("TIMES is a number"),
        },
        _ => {
            scenarios::play::list();
            Ok(true)
        }
    };
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => complain(&format!("{error:#}")),
    }
}

fn complain(what: &str) -> ExitCode {
    eprintln!("error: {what}");
    ExitCode::from(2)
}
