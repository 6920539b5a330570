//! A freshly restored Swarm with swarmtrace on it.

use bed::binary::swarmtrace_binary;
use std::fs::File;
use std::time::Duration;
use swarm_vm::{Config, Debian, Kernel, Node, Vm};

/// How long anything in the VM may take.
pub const LIMIT: Duration = Duration::from_mins(2);
/// Where swarmtrace is on a node.
pub const GUEST_BINARY: &str = "/usr/local/bin/swarmtrace";

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
}
