//! `cargo xtask vm bench`: what watching costs a real Swarm under load.
//!
//! The loads are asked from outside of both nodes, through the routing mesh, while
//! nothing, swarmtrace or tcpdump watches both nodes; round by round, the modes in
//! turn, so that the machine's ups and downs meet all alike. Where the VM is
//! emulated, the rates mean little: counts of what the kernel ran and reported are
//! measured beside them, and those are held against a baseline.

mod account;
mod baseline;
mod callgrind;
mod load;
pub mod machine;
mod mode;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::step::Step;
use crate::{Config, Debian, Kernel, Node, Vm, interrupt};
use account::Figures;
use load::Load;
use machine::Machine;
use mode::{Mode, Watch};
use report::{Report, Sample, rows};

/// The name of the Swarm that is measured on.
const NAME: &str = "bench";

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct BenchOptions {
    /// Which of Debian's cloud kernels
    #[arg(long, value_enum, default_value_t)]
    kernel: Kernel,
    /// Which Debian's Docker, iptables and tools: 12 has Docker 20.10, 13 has 26.1
    #[arg(long, value_enum, default_value_t)]
    debian: Debian,
    /// How often each load runs in each mode
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// How long each load runs, in seconds
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..))]
    seconds: u8,
    /// Compare with this run; exit code 1 if something got worse
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Keep this run as a baseline
    #[arg(long, value_name = "FILE")]
    save_baseline: Option<PathBuf>,
    /// Tolerated regression against the baseline, in percent
    #[arg(
        long,
        default_value_t = 10,
        value_name = "PERCENT",
        requires = "baseline"
    )]
    tolerance: u8,
}

/// What is measured, and where the results go.
#[derive(Debug)]
pub struct Measured {
    /// The swarmtrace that watches.
    pub swarmtrace: PathBuf,
    /// The program whose instructions callgrind counts.
    pub count_correlator: PathBuf,
    /// The file that this writes, as JSON.
    pub results: PathBuf,
}

/// Measures, prints, compares. Exit code 0: measured, and no worse than the
/// baseline; 1: worse; 2: the baseline does not fit this run.
///
/// # Errors
/// Errors if something cannot be measured.
pub fn run(options: &BenchOptions, measured: &Measured) -> Result<ExitCode> {
    // What an interrupted run may have left would be in the way.
    Vm::end(NAME)?;
    let vm = Vm::up(&Config {
        kernel: options.kernel,
        debian: options.debian,
        name: NAME.to_owned(),
        stop_on_drop: true,
        ..Config::default()
    })?;
    vm.put(Node::A, &measured.swarmtrace, mode::BINARY)?;
    let mut report = Report {
        kernel: vm.kernel_release().to_owned(),
        debian: options.debian.name().to_owned(),
        emulated: vm.is_emulated(),
        machine: Machine::this()?.to_string(),
        rounds: options.rounds,
        seconds: options.seconds,
        rows: Vec::new(),
        events: std::collections::BTreeMap::new(),
        stable: Figures::new(),
    };
    // Read before anything is measured in vain.
    let baseline = match &options.baseline {
        Some(path) => match baseline::read(path, &report) {
            Ok(baseline) => Some(baseline),
            Err(error) => {
                eprintln!("error: {error:#}");
                return Ok(ExitCode::from(2));
            }
        },
        None => None,
    };
    measure_loads(&vm, options, &mut report)?;
    measure_stable(&vm, &mut report)?;
    drop(vm);
    let step = Step::start("counting the correlator's instructions");
    report
        .stable
        .extend(callgrind::figures(&measured.count_correlator)?);
    step.done();
    print!("{}", report.text());
    let json = serde_json::to_vec_pretty(&report)?;
    let kept = options.save_baseline.iter().chain([&measured.results]);
    for path in kept {
        std::fs::write(path, &json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let Some(baseline) = baseline else {
        return Ok(ExitCode::SUCCESS);
    };
    let tolerance = f64::from(options.tolerance) / 100.0;
    let worse = baseline::regressions(&baseline, &report, tolerance);
    if worse.is_empty() {
        println!(
            "\nno worse than the baseline by more than {} %{}",
            options.tolerance,
            match baseline.emulated || report.emulated {
                true => ": of the figures that emulation does not distort",
                false => "",
            }
        );
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nworse than the baseline\n  {}", worse.join("\n  "));
    Ok(ExitCode::FAILURE)
}

fn measure_loads(vm: &Vm, options: &BenchOptions, report: &mut Report) -> Result<()> {
    let step = Step::start("warming up");
    for load in Load::ALL {
        load.run(vm, 1)?;
    }
    step.done();
    let mut samples = Vec::new();
    for round in 1..=options.rounds {
        let step = Step::start(format!("round {round} of {}", options.rounds));
        let mut modes = Mode::ALL;
        // Who comes after whom may matter: not always the same.
        modes.rotate_left(usize::from(round - 1) % Mode::ALL.len());
        for mode in modes {
            let watch = Watch::start(vm, mode)?;
            for load in Load::ALL {
                if interrupt::recorded() {
                    bail!("interrupted");
                }
                let went = load.run(vm, options.seconds)?;
                samples.push(Sample {
                    round,
                    mode,
                    load,
                    went,
                });
            }
            report.add(mode, watch.stop()?);
        }
        step.done();
    }
    report.rows = rows(&samples);
    Ok(())
}

fn measure_stable(vm: &Vm, report: &mut Report) -> Result<()> {
    for mode in Mode::OURS {
        if interrupt::recorded() {
            bail!("interrupted");
        }
        let step = Step::start(format!("counting what {} does", mode.name()));
        report.stable.extend(account::of_flows(vm, mode)?);
        step.done();
    }
    report.stable.extend(account::of_programs(vm)?);
    Ok(())
}
