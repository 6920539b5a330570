//! Plays a scenario: the traffic without the fault, then with it, with `follow` and
//! `doctor` on both nodes, and compares all they print with the catalogue.
//!
//! The fault is there before swarmtrace starts, as it is for those who look for
//! one. The Swarm is restored from its saved state before each pass.

use super::judge::{Printed, differences, healthy, misdiagnosed, unseen};
use super::printed::{JudgedTimeline, Report};
use crate::catalogue::{On, Scenario};
use crate::swarm::{GUEST_BINARY, LIMIT, NODES, Swarm};
use bed::deadline::until;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use swarm_vm::{Kernel, Node, Running};

const PRELUDE: &str = include_str!("prelude.sh");
/// How long traffic runs before what happens during it does.
const UNDER_WAY: Duration = Duration::from_secs(1);
/// How long the last packets' remaining hops are waited for.
const SETTLE: Duration = Duration::from_millis(300);

/// A Swarm to play scenarios on.
#[derive(Debug)]
pub struct Stage {
    swarm: Swarm,
    used: bool,
    /// What was found healthy already: setup, options, traffic.
    healthy: Vec<(&'static [On], &'static str, &'static [On])>,
}

/// How a scenario went.
#[derive(Debug)]
pub struct Outcome {
    /// What differs from what the table expects; empty if nothing does.
    pub wrong: Vec<String>,
    /// The verdicts that were given, a line each.
    pub verdicts: Vec<String>,
    /// What the user sees: swarmtrace's own text, where it was requested.
    pub text: String,
    /// How long it took.
    pub took: Duration,
}

impl Stage {
    /// Restores the Swarm, or builds it.
    pub fn up(kernel: Kernel, name: &str) -> Self {
        Self {
            used: false,
            ..Self::on(Swarm::named(kernel, name))
        }
    }

    /// A Swarm that was used already: it is restored first.
    pub fn on(swarm: Swarm) -> Self {
        Self {
            swarm,
            used: true,
            healthy: Vec::new(),
        }
    }

    /// Plays it; `show` keeps swarmtrace's own text.
    pub fn play(&mut self, scenario: &'static Scenario, show: bool) -> Outcome {
        let since = Instant::now();
        let played = catch_unwind(AssertUnwindSafe(|| self.passes(scenario, show)));
        let mut outcome = played.unwrap_or_else(|panic| {
            let printed = (panic.downcast_ref::<String>().cloned())
                .or_else(|| panic.downcast_ref::<&str>().map(|&s| s.to_owned()));
            Outcome {
                wrong: vec![printed.unwrap_or_else(|| "it panicked".to_owned())],
                verdicts: Vec::new(),
                text: String::new(),
                took: Duration::ZERO,
            }
        });
        outcome.took = since.elapsed();
        outcome
    }

    fn passes(&mut self, scenario: &'static Scenario, show: bool) -> Outcome {
        let mut wrong = Vec::new();
        let traffic = scenario.healthy.unwrap_or(scenario.traffic);
        let key = (scenario.setup, scenario.follow, traffic);
        let mut ready = false;
        if !self.healthy.contains(&key) {
            self.fresh();
            self.each(scenario.setup);
            let (printed, _) = self.pass(scenario.follow, traffic, &[], false);
            wrong.extend(healthy(&printed));
            self.healthy.push(key);
            // What it takes long to set up is not done twice.
            ready = !scenario.setup.is_empty();
        }
        if !ready {
            self.fresh();
            self.each(scenario.setup);
        }
        self.each(scenario.fault);
        let (printed, text) = self.pass(scenario.follow, scenario.traffic, scenario.during, show);
        wrong.extend(differences(&printed, scenario.expect));
        wrong.extend(misdiagnosed(&printed, scenario.doctor));
        if scenario.nothing_fails {
            wrong.extend(unseen(&printed));
        }
        let mut verdicts = Vec::new();
        for (node, timelines) in NODES.into_iter().zip(&printed.timelines) {
            for flow in timelines {
                verdicts.push(format!("{node}: {}", flow.describe()));
            }
        }
        for (node, report) in NODES.into_iter().zip(&printed.doctor) {
            for f in &report.findings {
                let (severity, check, what) = (&f.severity, &f.check, f.what());
                verdicts.push(format!("doctor on {node}: {severity} {check}: {what}"));
            }
        }
        Outcome {
            wrong,
            verdicts,
            text,
            took: Duration::ZERO,
        }
    }

    /// A Swarm that nothing happened to.
    fn fresh(&mut self) {
        if self.used {
            self.swarm.restore();
        }
        self.used = true;
    }

    fn each(&self, scripts: &[On]) {
        for On(node, script) in scripts {
            self.swarm
                .sh(*node, &with_functions(&format!("set -e\n{script}")));
        }
    }

    /// Traffic, and `during` while it runs, under the eyes of swarmtrace.
    fn pass(&self, options: &str, traffic: &[On], during: &[On], show: bool) -> (Printed, String) {
        let doctors = NODES.map(|node| self.start(node, "doctor --output json", "doctor"));
        let mut follows = Vec::new();
        for node in NODES {
            let json = self.start(node, &format!("follow --output json {options}"), "follow");
            follows.push(json);
        }
        for follow in &follows {
            self.await_tracing(follow);
        }
        if show {
            for node in NODES {
                let text = self.start(node, &format!("follow {options}"), "text");
                self.await_tracing(&text);
                follows.push(text);
            }
        }

        let sent: Vec<Running> = if during.is_empty() {
            self.send(traffic);
            Vec::new()
        } else {
            let started = traffic.iter().map(|t| self.spawn(t)).collect();
            std::thread::sleep(UNDER_WAY);
            self.each(during);
            started
        };
        for traffic in sent {
            traffic.wait(LIMIT).unwrap_or_else(|e| panic!("{e:#}"));
        }

        std::thread::sleep(SETTLE);
        let mut timelines = [Vec::new(), Vec::new()];
        let mut text = String::new();
        for follow in follows {
            let (node, kind) = (follow.node, follow.kind);
            let stdout = self.stop(follow);
            if kind == "text" {
                let _ = write!(text, "\n== {node}: swarmtrace follow {options}\n\n{stdout}");
            } else {
                timelines[usize::from(node == Node::B)] = read(&stdout);
            }
        }
        if show && timelines.iter().all(|of_node| !of_node.is_empty()) {
            let join = self.join("join /tmp/follow-a.json /tmp/follow-b.json");
            let _ = write!(text, "\n== swarmtrace join a.json b.json\n\n{join}");
        }

        let doctor = doctors.map(|doctor| self.report(doctor));

        if show {
            for node in NODES {
                let (_, printed, _) = self.swarm.swarmtrace(node, &["doctor"]);
                let _ = write!(text, "\n== {node}: swarmtrace doctor\n\n{printed}");
            }
        }
        (Printed { timelines, doctor }, text)
    }

    fn send(&self, traffic: &[On]) {
        for On(node, script) in traffic {
            // Whether it succeeds is not ours to say: it is meant to fail.
            let argv = ["sh", "-c", &with_functions(script)];
            let sent = self.swarm.vm().exec(*node, &argv);
            sent.unwrap_or_else(|e| panic!("{e:#}"));
        }
    }

    fn spawn(&self, traffic: &On) -> Running {
        let argv = ["sh", "-c", &with_functions(traffic.1)];
        let started = self.swarm.vm().spawn(traffic.0, &argv);
        started.unwrap_or_else(|e| panic!("{e:#}"))
    }

    /// Starts swarmtrace with its output going to `/tmp/KIND-NODE.json`.
    fn start(&self, node: Node, options: &str, kind: &'static str) -> Started {
        let files = format!("/tmp/{kind}-{}", node.letter());
        let script =
            format!("rm -f {files}.*; exec {GUEST_BINARY} {options} >{files}.json 2>{files}.err");
        let running = self.swarm.vm().spawn(node, &["sh", "-c", &script]);
        Started {
            node,
            kind,
            files,
            running: running.unwrap_or_else(|e| panic!("{e:#}")),
        }
    }

    fn await_tracing(&self, started: &Started) {
        let look = format!("cat {}.err 2>/dev/null || :", started.files);
        until(LIMIT, "swarmtrace to print that it is tracing", || {
            let printed = self.swarm.sh(started.node, &look);
            let tracing = printed.contains("tracing");
            let mut lines = printed.lines();
            let ended = lines.any(|l| !l.starts_with("swarmtrace: note:"));
            assert!(
                tracing || !ended,
                "swarmtrace on {}: {printed}",
                started.node
            );
            tracing.then_some(())
        });
    }

    fn stop(&self, started: Started) -> String {
        let ended = started.running.interrupt(LIMIT);
        let ended = ended.unwrap_or_else(|e| panic!("{e:#}"));
        let read = |kind| {
            self.swarm
                .sh(started.node, &format!("cat {}.{kind}", started.files))
        };
        let (stdout, stderr) = (read("json"), read("err"));
        assert_eq!(ended.status, 0, "swarmtrace on {}: {stderr}", started.node);
        assert!(
            stderr.contains("no events lost"),
            "on {}: {stderr}",
            started.node
        );
        stdout
    }

    fn join(&self, arguments: &str) -> String {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let (status, stdout, stderr) = self.swarm.swarmtrace(Node::A, &arguments);
        assert_eq!(status, 0, "swarmtrace join: {stderr}");
        stdout
    }

    fn report(&self, started: Started) -> Report {
        let ended = started.running.wait(LIMIT);
        let ended = ended.unwrap_or_else(|e| panic!("{e:#}"));
        let printed = self
            .swarm
            .sh(started.node, &format!("cat {}.*", started.files));
        assert!(ended.status < 2, "doctor on {}: {printed}", started.node);
        let printed = self
            .swarm
            .sh(started.node, &format!("cat {}.json", started.files));
        serde_json::from_str(&printed).unwrap_or_else(|e| panic!("doctor's JSON: {e}: {printed}"))
    }
}

/// A swarmtrace that runs on a node.
#[derive(Debug)]
struct Started {
    node: Node,
    kind: &'static str,
    files: String,
    running: Running,
}

fn with_functions(script: &str) -> String {
    format!("{PRELUDE}\n{script}")
}

fn read(lines: &str) -> Vec<JudgedTimeline> {
    JudgedTimeline::last(lines).unwrap_or_else(|e| panic!("{e}"))
}
