//! `cargo xtask bench`: what swarmtrace costs, measured.
//!
//! Some programs measure and print JSON; this puts them together with what they
//! ran on, prints the figures beside their aims, and writes them to
//! `target/bench.json`. Absolute figures move with the machine: compare ratios,
//! and figures of one run.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use swarmtrace_programs as programs;

use crate::cargo;
use crate::compare;
use crate::setup;
use crate::step::Step;

/// A program that measures.
pub struct Program {
    /// Its package.
    pub package: &'static str,
    /// The example that it is.
    pub example: &'static str,
    /// What it measures.
    pub about: &'static str,
    /// It takes a minute or more, and says nothing about small differences.
    pub long: bool,
}

impl Program {
    /// Options of cargo's that it needs.
    pub fn features(&self) -> &'static [&'static str] {
        match self.package {
            // The correlator's events are made up by a module that is for tests.
            "swarmtrace" => &["--features", "testing"],
            _ => &[],
        }
    }

    /// Its source, from the workspace's folder.
    pub fn source(&self) -> PathBuf {
        let folder = match self.package {
            "swarmtrace-tests" => "tests",
            package => package,
        };
        Path::new(folder).join(format!("examples/{}.rs", self.example))
    }
}

/// All of them.
pub const PROGRAMS: [Program; 5] = [
    Program {
        package: "swarmtrace",
        example: "bench_kernel",
        about: "kernel side: a packet, attaching",
        long: false,
    },
    Program {
        package: "swarmtrace",
        example: "bench_correlator",
        about: "correlator: events, memory",
        long: false,
    },
    Program {
        package: "swarmtrace-tests",
        example: "bench_connections",
        about: "connections through the replica",
        long: false,
    },
    Program {
        package: "swarmtrace-tests",
        example: "bench_start",
        about: "start to first packet with 200 devices",
        long: false,
    },
    Program {
        package: "swarmtrace",
        example: "bench_soak",
        about: "correlator: an hour of 50 million events",
        long: true,
    },
];

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

/// Runs them.
///
/// # Errors
/// When one does not build or run.
pub fn run(options: &BenchOptions) -> Result<()> {
    setup::run()?;
    if let Some(revision) = &options.compare {
        return compare::run(revision, usize::from(options.rounds));
    }
    let binary = cargo::release_binary()?;
    let mut figures = Map::new();
    figures.insert("machine".to_owned(), machine()?);
    for program in &PROGRAMS {
        let Program {
            package, example, ..
        } = *program;
        let step = Step::start(format!("measuring {}", program.about));
        let mut command = cargo::cargo(&["run", "--release", "--quiet", "--package", package])?;
        command.args(program.features());
        command.args(["--example", example, "--", "--json"]);
        command
            .env("SWARMTRACE_BIN", &binary)
            .stderr(Stdio::inherit());
        let output = command.output().context("cannot run cargo")?;
        ensure!(
            output.status.success(),
            "{example} ended with {}",
            output.status
        );
        let measured: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{example} printed something else than JSON"))?;
        figures.insert(example.to_owned(), measured);
        step.done();
    }
    let figures = Value::Object(figures);
    let file = cargo::target_folder().join("bench.json");
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

/// The machine that figures are of.
///
/// # Errors
/// When it cannot be asked.
pub fn machine() -> Result<Value> {
    let uname = programs::command("uname")?
        .arg("-srm")
        .output()
        .context("cannot run uname")?;
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|l| l.strip_prefix("model name"));
    Ok(json!({
        "kernel": String::from_utf8_lossy(&uname.stdout).trim(),
        "processor": model.map(|m| m.trim_start_matches([' ', '\t', ':'])),
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
    }))
}
