//! `cargo xtask demo`: the main job, on a real Swarm, from a fresh machine.
//!
//! Has swarmtrace built, brings the two-node Swarm up, follows service `vote` on
//! both nodes while a client outside of them asks node-a for it, and joins what
//! the two saw: one request that a task on the same node answered, and one that
//! crossed the overlay to the other.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use swarm_vm::step::Step;
use swarm_vm::{Config, Kernel, Node, Vm};
use swarmtrace_programs as programs;

const NODES: [Node; 2] = [Node::A, Node::B];
const GUEST_BINARY: &str = "/usr/local/bin/swarmtrace";
/// Requests: IPVS takes the backends in turn, so that both nodes' tasks answer.
const REQUESTS: usize = 2;
/// How long a follow may take to attach, and to report what it saw.
const LIMIT: Duration = Duration::from_mins(1);

/// Shows it. `setup` installs what this machine is missing, `build` builds
/// swarmtrace and returns its path.
///
/// # Errors
/// Errors if a step fails; names it.
pub fn run(
    kernel: Kernel,
    setup: impl FnOnce() -> Result<()>,
    build: impl FnOnce() -> Result<PathBuf>,
) -> Result<()> {
    let since = Instant::now();
    eprintln!("1. Installing what is missing (the first time 1 to 3 minutes, then nothing)");
    setup()?;
    eprintln!("2. swarmtrace itself (the first time 3 to 4 minutes)");
    let binary = build()?;
    eprintln!("3. A two-node Docker Swarm (the first time 1 to 2 minutes, then seconds)");
    let vm = Vm::up(&Config {
        kernel,
        ..Config::default()
    })?;
    println!("   {}", vm.summary());
    eprintln!("4. Following vote:8080 on both nodes while a client asks node-a for it");
    let folder = programs::target_folder().join("demo");
    std::fs::create_dir_all(&folder).context("cannot make a folder for the timelines")?;
    let files = trace(&vm, &binary, &folder)?;
    eprintln!(
        "5. swarmtrace join {}",
        files.each_ref().map(|f| name(f)).join(" ")
    );
    println!();
    let mut join = programs::built(&binary);
    join.arg("join").args(&files);
    let status = join.status().context("cannot run swarmtrace join")?;
    ensure!(
        status.success(),
        "{} ended with {status}",
        programs::line(&join)
    );
    check(&files)?;
    println!(
        "\nDone in {:.0} s. The Swarm stays up: `cargo xtask vm exec a -- swarmtrace --help` runs \
         swarmtrace on node-a, `cargo xtask vm down` ends it.",
        since.elapsed().as_secs_f64()
    );
    Ok(())
}

fn trace(vm: &Vm, binary: &Path, folder: &Path) -> Result<[PathBuf; 2]> {
    let step = Step::start("copying swarmtrace to the nodes, attaching");
    let mut running = Vec::new();
    for node in NODES {
        vm.put(node, binary, GUEST_BINARY)?;
        let letter = node.letter();
        let script = format!(
            "cd /tmp && rm -f demo-{letter}.* && exec {GUEST_BINARY} follow --service vote \
             --port 8080 --output json >demo-{letter}.json 2>demo-{letter}.log"
        );
        running.push((node, vm.spawn(node, &["sh", "-c", &script])?));
    }
    for node in NODES {
        let log = format!("/tmp/demo-{}.log", node.letter());
        await_line(vm, node, &log, "tracing ")?;
    }
    step.done();
    let step = Step::start(format!("{REQUESTS} requests to http://192.168.90.1:8080/"));
    for _ in 0..REQUESTS {
        vm.sh(Node::Vm, "curl -sS -m 10 http://192.168.90.1:8080/")?;
    }
    // The last connection's timeline is complete a moment after its answer.
    for node in NODES {
        let file = format!("/tmp/demo-{}.json", node.letter());
        await_line(vm, node, &file, "swarmtrace-timeline")?;
    }
    thread::sleep(Duration::from_secs(2));
    step.done();
    let step = Step::start("ending both, fetching their timelines");
    for (node, trace) in running {
        let ended = trace.interrupt(LIMIT)?;
        if !ended.success() {
            let log = vm.sh(node, &format!("cat /tmp/demo-{}.log", node.letter()))?;
            bail!("swarmtrace on {node} ended with {}:\n{log}", ended.status);
        }
    }
    let fetch = |node: Node| {
        let file = folder.join(format!("{node}.json"));
        let guest = format!("/tmp/demo-{}.json", node.letter());
        vm.get(node, &guest, &file).map(|()| file)
    };
    let files = [fetch(Node::A)?, fetch(Node::B)?];
    step.done();
    Ok(files)
}

/// Waits until a file in the node holds some text.
fn await_line(vm: &Vm, node: Node, file: &str, text: &str) -> Result<()> {
    let until = Instant::now() + LIMIT;
    let look = format!("grep -q '{text}' {file}");
    while !vm.exec(node, &["sh", "-c", &look])?.success() {
        if Instant::now() > until {
            let log = vm.sh(
                node,
                &format!("cat /tmp/demo-{}.log || true", node.letter()),
            )?;
            bail!("waited {LIMIT:?} for '{text}' in {file} on {node}; swarmtrace printed:\n{log}");
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Errors unless a task on each node answered: the demo shows both ways.
fn check(files: &[PathBuf; 2]) -> Result<()> {
    let [a, b] = files.each_ref().map(std::fs::read_to_string);
    let tasks = |text: &str, node: &str| {
        text.lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|timeline| timeline["task_node"] == node)
            .count()
    };
    let (a, b) = (a?, b?);
    ensure!(
        tasks(&a, "node-a") > 0,
        "no request was answered by a task on node-a"
    );
    ensure!(
        tasks(&b, "node-b") > 0,
        "no request was answered by a task on node-b"
    );
    Ok(())
}

fn name(file: &Path) -> String {
    let file = file.file_name().unwrap_or_default();
    file.to_string_lossy().into_owned()
}
