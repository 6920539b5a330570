//! `cargo xtask scenarios` and `cargo xtask scenario NAME`: the catalogue of
//! failures, made to happen on the real Swarm.
//!
//! The scenarios are the tests' own; this runs the program there that plays
//! them, which builds on this crate and so cannot be a part of it.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::cargo;
use crate::setup;

/// What to play.
#[derive(Debug, clap::Args)]
pub struct ScenarioOptions {
    /// Its name: `cargo xtask scenarios` lists them
    name: String,
    /// Play it this often; swarmtrace's text is shown the first time
    #[arg(long, default_value_t = 1, value_name = "N")]
    repeat: u32,
}

/// What to do with all of them.
#[derive(Debug, clap::Args)]
pub struct ScenariosOptions {
    /// Play every one this often, and print how often each was told as it should be
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: Option<u32>,
    /// On this many Swarms side by side: one for two processors
    #[arg(long, default_value_t = 1, value_name = "N", requires = "repeat", value_parser = clap::value_parser!(u32).range(1..=4))]
    jobs: u32,
}

/// Lists them, or plays them all: exit code 1 if one was told rightly in less than
/// 95 % of its runs.
///
/// # Errors
/// When swarmtrace or the tests do not build.
pub fn every(options: &ScenariosOptions) -> Result<ExitCode> {
    let Some(repeat) = options.repeat else {
        return end(&mut program(&["list"])?);
    };
    setup::run()?;
    let binary = cargo::release_binary()?;
    let (repeat, jobs) = (repeat.to_string(), options.jobs.to_string());
    let mut program = program(&["table", &repeat, &jobs])?;
    end(program.env("SWARMTRACE_BIN", binary))
}

/// Plays one, and shows what its user would see.
///
/// # Errors
/// When swarmtrace or the tests do not build.
pub fn play(options: &ScenarioOptions) -> Result<ExitCode> {
    setup::run()?;
    let binary = cargo::release_binary()?;
    let times = options.repeat.to_string();
    let mut program = program(&[times.as_str(), options.name.as_str()])?;
    end(program.env("SWARMTRACE_BIN", binary))
}

fn program(arguments: &[&str]) -> Result<Command> {
    let mut command = cargo::cargo(&["run", "--quiet", "--package", "swarmtrace-tests"])?;
    command
        .args(["--example", "scenario", "--"])
        .args(arguments);
    Ok(command)
}

fn end(program: &mut Command) -> Result<ExitCode> {
    let status = program.status().context("cannot run cargo")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
