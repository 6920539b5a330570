//! A row of the kernel matrix (`cargo xtask vm test`): one kernel with one Docker,
//! and on it everything that may differ from kernel to kernel.
//!
//! Each check is one of the tests; a panic becomes the row's
//! error, and the next check runs all the same.

pub mod command;
mod row;
mod table;

pub use row::{CHECKS, Check, Program, Row};
pub use table::render;

use crate::catalogue::find;
use crate::stage::Stage;
use crate::suites::{flows, life};
use crate::swarm::{NODES, Swarm};
use serde::Deserialize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;
use swarm_vm::step::Step;
use swarm_vm::{Debian, Kernel, Node};

/// The name of the matrix's Swarm.
pub const NAME: &str = "matrix";

/// Failures from three families, each on another part of the path: in the task, at
/// the load balancer, in the overlay.
const SCENARIOS: [&str; 3] = ["no-listener", "ipvs-no-destination", "fdb-missing"];

/// What of `swarmtrace features --output json` makes a row.
#[derive(Debug, Deserialize)]
struct Features {
    works: bool,
    why_not: Option<String>,
    features: Vec<Feature>,
    programs: Vec<Program>,
    load_ms: Option<u64>,
}

impl Features {
    /// What is not there.
    fn missing(&self) -> Vec<&str> {
        let missing = self.features.iter().filter(|f| f.state != "ok");
        missing.map(|f| f.id.as_str()).collect()
    }
}

#[derive(Debug, Deserialize)]
struct Feature {
    id: String,
    state: String,
}

/// Runs every check on that kernel, with the Docker of that Debian.
pub fn row(kernel: Kernel, debian: Debian) -> Row {
    let mut row = Row::failed(kernel, debian, String::new());
    row.checks.clear();
    let [up, load, trace, clean_up, scenarios] = CHECKS;
    let Some(mut swarm) = attempt(&mut row, up, || {
        let swarm = Swarm::with_docker_of(debian, kernel, NAME);
        (swarm, Vec::new(), String::new())
    }) else {
        return row;
    };
    swarm.vm().kernel_release().clone_into(&mut row.kernel);
    let loaded = attempt(&mut row, load, || {
        let mut docker = NODES.map(|node| version(&swarm, node)).to_vec();
        docker.dedup();
        let features = features(&swarm);
        let mut wrong: Vec<String> = features.why_not.clone().into_iter().collect();
        // Each kernel of the matrix takes them all.
        for program in &features.programs {
            let refused = program.refused.iter();
            wrong.extend(refused.map(|why| format!("{}: {why}", program.name)));
        }
        let missing = features.missing();
        if missing != expected_missing(kernel) {
            wrong.push(format!(
                "{missing:?} are missing, not {:?}",
                expected_missing(kernel)
            ));
        }
        let took = features.load_ms.map(|ms| format!("{ms} ms"));
        ((docker, features), wrong, took.unwrap_or_default())
    });
    let Some((docker, features)) = loaded else {
        return row;
    };
    row.docker = docker.join(" with ");
    row.missing = features.missing().into_iter().map(str::to_owned).collect();
    row.programs = features.programs;
    if !features.works {
        // Everything else would wait in vain for a trace to begin.
        return row;
    }
    let traced = attempt(&mut row, trace, || {
        flows::routing_mesh_of(&swarm);
        ((), Vec::new(), String::new())
    });
    attempt(&mut row, clean_up, || {
        if traced.is_none() {
            // Its traces may still run.
            swarm.restore();
        }
        life::leaves_nothing_on(&swarm);
        ((), Vec::new(), String::new())
    });
    attempt(&mut row, scenarios, || {
        let (wrong, passed) = play(Stage::on(swarm));
        ((), wrong, format!("{passed}/{}", SCENARIOS.len()))
    });
    row
}

/// The features that are missing on that kernel.
fn expected_missing(kernel: Kernel) -> &'static [&'static str] {
    match kernel {
        Kernel::V5_10 => &["tcx", "drop-reasons", "reset-reasons"],
        Kernel::V6_1 => &["tcx", "reset-reasons"],
        Kernel::V6_12 | Kernel::Newest => &[],
    }
}

/// Runs one check and adds its result to the row; a panic is an error of the check.
fn attempt<T>(
    row: &mut Row,
    name: &str,
    work: impl FnOnce() -> (T, Vec<String>, String),
) -> Option<T> {
    let since = Instant::now();
    let step = Step::start(name);
    let done = catch_unwind(AssertUnwindSafe(work));
    let (result, wrong, note) = match done {
        Ok((result, wrong, note)) => (Some(result), wrong, note),
        Err(panic) => {
            let message = (panic.downcast_ref::<String>().cloned()).or_else(|| {
                panic
                    .downcast_ref::<&str>()
                    .map(|&message| message.to_owned())
            });
            let message = message.unwrap_or_else(|| "it panicked".to_owned());
            (None, vec![message], String::new())
        }
    };
    if wrong.is_empty() {
        step.done_with(&note);
    }
    row.checks.push(Check {
        name: name.to_owned(),
        wrong,
        note,
        seconds: since.elapsed().as_secs_f64(),
    });
    result
}

/// Docker's version on a node.
fn version(swarm: &Swarm, node: Node) -> String {
    let printed = swarm.sh(node, "docker version -f '{{.Server.Version}}'");
    printed.trim().to_owned()
}

fn features(swarm: &Swarm) -> Features {
    let arguments = ["features", "--output", "json"];
    let (status, stdout, stderr) = swarm.swarmtrace(Node::A, &arguments);
    let features: Features = serde_json::from_str(&stdout)
        .unwrap_or_else(|e| panic!("features' JSON: {e}: {stdout}{stderr}"));
    assert_eq!(
        status,
        if features.works { 0 } else { 2 },
        "{stdout}{stderr}"
    );
    assert_eq!(features.works, features.why_not.is_none(), "{stdout}");
    assert_eq!(stderr, "", "nothing on standard error");
    let docker = features.features.iter().find(|f| f.id == "docker");
    let docker = docker.expect("features lists Docker");
    assert_eq!(docker.state, "ok", "{stdout}");
    features
}

/// What went wrong, and how many passed.
fn play(mut stage: Stage) -> (Vec<String>, usize) {
    let mut all = Vec::new();
    let mut passed = 0;
    for name in SCENARIOS {
        let scenario = find(name).unwrap_or_else(|| panic!("no scenario {name}"));
        let outcome = stage.play(scenario, false);
        passed += usize::from(outcome.wrong.is_empty());
        if !outcome.wrong.is_empty() {
            all.push(format!("{name}:"));
            all.extend(outcome.wrong);
            all.push("it printed:".to_owned());
            all.extend(outcome.verdicts);
        }
    }
    (all, passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_in_the_catalogue() {
        for name in SCENARIOS {
            assert!(find(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_panic_is_recorded_and_the_row_goes_on() {
        let mut row = Row::default();
        let done: Option<()> = attempt(&mut row, "load", || panic!("no {}", "BTF"));
        assert_eq!(done, None);
        let done = attempt(&mut row, "trace", || (7, Vec::new(), String::new()));
        assert_eq!(done, Some(7));
        assert_eq!(row.checks[0].wrong, ["no BTF"]);
        assert!(row.checks[1].wrong.is_empty());
    }
}
