//! `cargo xtask bench`: what swarmtrace costs, measured.
//!
//! The programs of the package `benches` measure and print JSON; this puts it
//! together with the machine that it ran on, prints the figures beside their aims,
//! and writes them to `target/bench.json`. Absolute figures move with the machine: compare ratios,
//! and figures of one run.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use swarm_vm::bench::machine::Machine;
use swarm_vm::step::Step;
use swarmtrace_programs as programs;

use crate::compare;
use crate::program::{BENCHES, measure};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct BenchOptions {
    /// Measure this revision beside the present one, in turn, and print the ratios
    #[arg(long, value_name = "REV")]
    compare: Option<String>,
    /// How often, with --compare
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..), requires = "compare")]
    rounds: u8,
}

/// Runs them. `binary` builds the swarmtrace that they measure and returns its path;
/// a comparison builds both revisions' itself.
///
/// # Errors
/// Errors if one does not build or does not measure.
pub fn run(options: &BenchOptions, binary: impl FnOnce() -> Result<PathBuf>) -> Result<()> {
    if let Some(revision) = &options.compare {
        return compare::run(revision, usize::from(options.rounds));
    }
    let binary = binary()?;
    let mut figures = Map::new();
    let machine = serde_json::to_value(Machine::this()?)?;
    figures.insert("machine".to_owned(), machine);
    for bench in &BENCHES {
        let step = Step::start(format!("measuring {}", bench.about));
        let measured = measure(&bench.build()?, programs::workspace(), &binary)?;
        figures.insert(bench.name.to_owned(), measured);
        step.done();
    }
    let figures = Value::Object(figures);
    let file = programs::target_folder().join("bench.json");
    std::fs::write(&file, format!("{figures:#}\n"))
        .with_context(|| format!("cannot write {}", file.display()))?;
    print(&figures, "");
    println!(
        "\naims: a rejected packet at most 20 ns above the empty program, a reported one 250 ns;\n\
         connection rate with follow at least 0.97 of untraced, with rst 0.99; 1,000,000 events a second;\n\
         512 bytes a live flow, memory flat; 200 taps in 1 s, start to first packet 1 s. All figures are in target/bench.json."
    );
    Ok(())
}

/// Prints figures as indented lines.
fn print(value: &Value, indent: &str) {
    let Value::Object(entries) = value else {
        println!("{indent}{value}");
        return;
    };
    for (name, value) in entries {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                println!("{indent}{name}");
                print(value, &format!("{indent}  "));
            }
            _ => println!("{indent}{name:44} {value}"),
        }
    }
}
