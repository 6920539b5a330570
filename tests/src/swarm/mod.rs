//! The real Swarm as a bed: two Docker nodes in a VM, with the services that
//! `xtask` made (`vote`, `client`, `echo-udp`, `hosted`, `direct`), listened to
//! and traced.
//!
//! The VM is emulated where KVM does not do, and then everything in it takes
//! tens of times longer: limits here are generous, what is demanded is not. Only
//! one VM runs at a time, whatever runs the tests: a lock file sees to it. Each
//! [`Swarm`] is restored from the saved state, so no test sees another's traces.

pub mod ci;
pub mod doctor;
pub mod flows;
pub mod life;
pub mod listener;
mod outcome;
pub mod probe;
mod tables;

pub use listener::Listener;
pub use outcome::{Outcome, watch};
pub use tables::{Table, tables};

use crate::binary::swarmtrace_binary;
use crate::patience::until;
use crate::truth::Timeline;
use std::fs::File;
use std::time::Duration;
use xtask::vm::{Config, Debian, Kernel, Node, Running, Vm};

/// How long anything in the VM may take.
pub const LIMIT: Duration = Duration::from_secs(120);
const GUEST_BINARY: &str = "/usr/local/bin/swarmtrace";

/// Both nodes.
pub const NODES: [Node; 2] = [Node::A, Node::B];

/// A freshly restored Swarm with swarmtrace on it.
#[derive(Debug)]
pub struct Swarm {
    vm: Vm,
    _lock: File,
}

impl Swarm {
    /// Restores it (the first time: builds it) on that kernel.
    #[track_caller]
    pub fn up(kernel: Kernel) -> Self {
        Self::named(kernel, "tests")
    }

    /// The same under another name: Swarms of different names run side by side,
    /// of one name one at a time.
    #[track_caller]
    pub fn named(kernel: Kernel, name: &str) -> Self {
        Self::with_docker_of(Debian::default(), kernel, name)
    }

    /// The same with the Docker, iptables and tools of that Debian.
    #[track_caller]
    pub fn with_docker_of(debian: Debian, kernel: Kernel, name: &str) -> Self {
        let lock = std::env::temp_dir().join(format!("swarmtrace-{name}-vm.lock"));
        let lock = File::create(&lock).expect("create the lock file");
        lock.lock().expect("wait for the other tests' VM");
        let config = Config {
            kernel,
            debian,
            name: name.to_owned(),
            stop_on_drop: true,
            ..Config::default()
        };
        let vm = Vm::up(&config).unwrap_or_else(|e| panic!("no Swarm to test with: {e:#}"));
        let swarm = Self { vm, _lock: lock };
        swarm.equip();
        swarm
    }

    /// Puts it back to how it was at first.
    #[track_caller]
    pub fn restore(&mut self) {
        let restored = self.vm.restore();
        restored.unwrap_or_else(|e| panic!("cannot restore the Swarm: {e:#}"));
        self.equip();
    }

    #[track_caller]
    fn equip(&self) {
        let put = self.vm.put(Node::A, &swarmtrace_binary(), GUEST_BINARY);
        put.unwrap_or_else(|e| panic!("cannot put swarmtrace into the VM: {e:#}"));
    }

    /// Runs a script in a node and returns what it printed.
    #[track_caller]
    pub fn sh(&self, node: Node, script: &str) -> String {
        let printed = self.vm.sh(node, script);
        printed.unwrap_or_else(|e| panic!("{e:#}"))
    }

    /// The VM itself.
    pub fn vm(&self) -> &Vm {
        &self.vm
    }

    /// Runs swarmtrace on a node to its end: exit code, output, complaints.
    #[track_caller]
    pub fn swarmtrace(&self, node: Node, options: &[&str]) -> (i32, String, String) {
        let argv = [&[GUEST_BINARY], options].concat();
        let output = self
            .vm
            .exec(node, &argv)
            .unwrap_or_else(|e| panic!("{e:#}"));
        (output.status, output.stdout_text(), output.stderr_text())
    }

    /// Starts `follow --output json` on a node; returns once it traces.
    #[track_caller]
    pub fn follow(&self, node: Node, options: &str) -> Following<'_> {
        let files = format!("/tmp/follow-{}", node.letter());
        let script = format!(
            "exec {GUEST_BINARY} follow --output json {options} >{files}.json 2>{files}.err"
        );
        let argv = ["sh", "-c", &script];
        let running = self
            .vm
            .spawn(node, &argv)
            .unwrap_or_else(|e| panic!("{e:#}"));
        until(LIMIT, "swarmtrace to say that it traces", || {
            let said = self.sh(node, &format!("cat {files}.err 2>/dev/null || :"));
            assert!(!said.contains("rror"), "swarmtrace on {node}: {said}");
            said.contains("tracing").then_some(())
        });
        Following {
            swarm: self,
            node,
            files,
            running,
        }
    }
}

/// A `follow` that runs on a node.
#[derive(Debug)]
pub struct Following<'a> {
    swarm: &'a Swarm,
    node: Node,
    files: String,
    running: Running,
}

/// What a `follow` on a node printed.
#[derive(Debug)]
pub struct Followed {
    /// The node.
    pub node: Node,
    /// All it printed.
    pub stdout: String,
    /// All it complained about.
    pub stderr: String,
    /// The timelines among it.
    pub timelines: Vec<Timeline>,
}

impl Following<'_> {
    /// Kills it, so that it can clean nothing up.
    #[track_caller]
    pub fn kill(mut self) {
        const SIGKILL: u8 = 9;
        self.running
            .signal(SIGKILL)
            .unwrap_or_else(|e| panic!("{e:#}"));
        let ended = self.running.wait(LIMIT).unwrap_or_else(|e| panic!("{e:#}"));
        assert_eq!(ended.status, 128 + i32::from(SIGKILL));
    }

    /// Presses Ctrl-C and collects what was printed.
    #[track_caller]
    pub fn stop(self) -> Followed {
        let ended = self
            .running
            .interrupt(LIMIT)
            .unwrap_or_else(|e| panic!("{e:#}"));
        let read = |kind: &str| {
            self.swarm
                .sh(self.node, &format!("cat {}.{kind}", self.files))
        };
        let (stdout, stderr) = (read("json"), read("err"));
        assert_eq!(ended.status, 0, "swarmtrace on {}: {stderr}", self.node);
        Followed {
            node: self.node,
            timelines: Timeline::all(&stdout),
            stdout,
            stderr,
        }
    }
}
