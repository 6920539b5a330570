//! What a flow costs in figures that emulation does not distort: how often the
//! kernel ran our programs, what they reported, and how long the programs are.
//!
//! The kernel counts runs while `kernel.bpf_stats_enabled` is set; that itself takes
//! time, so this is a pass of its own beside the loads.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::load;
use super::mode::{BINARY, Mode, Watch};
use crate::{Node, Vm};

/// Enough that a node's own chatter is none of it to speak of.
const FLOWS: u32 = 200;
/// Length of an event, in bytes.
const EVENT_BYTES: f64 = size_of::<swarmtrace_common::PacketEvent>() as f64;

/// Figures by name.
pub type Figures = BTreeMap<String, f64>;

/// Of `bpftool prog`.
#[derive(Debug, Deserialize)]
struct Program {
    #[serde(default)]
    name: String,
    #[serde(default)]
    run_cnt: u64,
}

/// Of `swarmtrace features`.
#[derive(Debug, Deserialize)]
struct Features {
    programs: Vec<Length>,
}

#[derive(Debug, Deserialize)]
struct Length {
    name: String,
    instructions: Option<u32>,
}

/// Figures of that mode: of a TCP connection and of a UDP question.
///
/// # Errors
/// Errors if a question fails, events are lost, or the kernel counts nothing.
pub fn of_flows(vm: &Vm, mode: Mode) -> Result<Figures> {
    let mut figures = Figures::new();
    for (protocol, flow) in [("tcp", "a connection"), ("udp", "a UDP question")] {
        vm.sh(Node::Vm, "echo 1 >/proc/sys/kernel/bpf_stats_enabled")?;
        let watch = Watch::start(vm, mode)?;
        let before = runs(vm)?;
        load::ask(vm, protocol, FLOWS)?;
        let runs = runs(vm)?.saturating_sub(before);
        let summary = watch.stop()?;
        vm.sh(Node::Vm, "echo 0 >/proc/sys/kernel/bpf_stats_enabled")?;
        let name = mode.name();
        ensure!(
            summary.lost == 0,
            "{name} lost {} events: its figures are void",
            summary.lost
        );
        ensure!(runs > 0, "the kernel counted no run of {name}'s programs");
        let each = |count: u64| count as f64 / f64::from(FLOWS);
        figures.insert(format!("{name}: runs of programs {flow}"), each(runs));
        figures.insert(format!("{name}: events {flow}"), each(summary.events));
        figures.insert(
            format!("{name}: bytes of events {flow}"),
            each(summary.events) * EVENT_BYTES,
        );
    }
    Ok(figures)
}

/// How often our programs at the taps ran, on both nodes together.
fn runs(vm: &Vm) -> Result<u64> {
    let listed = vm.sh(Node::Vm, "bpftool --json prog show")?;
    let programs: Vec<Program> =
        serde_json::from_str(&listed).context("bpftool printed something else than JSON")?;
    let taps = programs.iter().filter(|p| is_tap(&p.name));
    Ok(taps.map(|p| p.run_cnt).sum())
}

/// Drops and resets are the kernel's own doing and not part of what a flow costs.
fn is_tap(name: &str) -> bool {
    name.starts_with("swarmtrace_in") || name.starts_with("swarmtrace_out")
}

/// Instructions of each program, as the VM's kernel keeps it.
///
/// # Errors
/// Errors if they cannot be loaded.
pub fn of_programs(vm: &Vm) -> Result<Figures> {
    let printed = vm.exec(Node::A, &[BINARY, "features", "--output", "json"])?;
    let features: Features =
        serde_json::from_str(&printed.stdout_text()).context("swarmtrace features gave no JSON")?;
    let length = |p: &Length| {
        let instructions = f64::from(p.instructions?);
        Some((format!("{}: instructions", p.name), instructions))
    };
    Ok(features.programs.iter().filter_map(length).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tap_is_known_by_its_program() {
        assert!(is_tap("swarmtrace_in3") && is_tap("swarmtrace_out"));
        assert!(!is_tap("swarmtrace_drop") && !is_tap("tw_vlan"));
    }
}
