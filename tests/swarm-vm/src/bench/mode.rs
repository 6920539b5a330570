//! What watches while a load runs: nothing, swarmtrace in its ways, or tcpdump on the
//! same devices.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::{Node, Running, Vm};

/// Both nodes are watched.
const NODES: [Node; 2] = [Node::A, Node::B];
/// Where swarmtrace is in the VM.
pub const BINARY: &str = "/usr/local/bin/swarmtrace";
/// To attach everywhere, or to end, where every instruction is emulated.
const LIMIT: Duration = Duration::from_mins(2);
const SIGTERM: u8 = 15;

/// tcpdump in every namespace of the node, each writing to a file of its own when it
/// listens. What is captured goes nowhere: a disk is not what is measured.
const TCPDUMP: &str = r"
for ns in /proc/self/ns/net /var/run/docker/netns/*; do
  nsenter --net=$ns tcpdump -i any -n -Z root -w /dev/null 2>$FILES.dump.${ns##*/} &
done
wait";

/// What watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    Untraced,
    /// `follow` on the two services that are asked.
    Follow,
    /// The same with every packet reported.
    AllPackets,
    /// `rst`.
    Rst,
    /// tcpdump on every device.
    Tcpdump,
}

impl Mode {
    /// Each of them.
    pub const ALL: [Self; 5] = [
        Self::Untraced,
        Self::Follow,
        Self::AllPackets,
        Self::Rst,
        Self::Tcpdump,
    ];
    /// Those that are swarmtrace.
    pub const OURS: [Self; 3] = [Self::Follow, Self::AllPackets, Self::Rst];

    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Untraced => "untraced",
            Self::Follow => "follow",
            Self::AllPackets => "follow --all-packets",
            Self::Rst => "rst",
            Self::Tcpdump => "tcpdump",
        }
    }

    fn script(self, files: &str) -> Option<String> {
        let follow = "follow --service vote --service echo-udp --quiet --output json";
        let arguments = match self {
            Self::Untraced => return None,
            Self::Tcpdump => return Some(TCPDUMP.replace("$FILES", files)),
            Self::Follow => follow.to_owned(),
            Self::AllPackets => format!("{follow} --all-packets"),
            Self::Rst => "rst --output json".to_owned(),
        };
        Some(format!(
            "exec {BINARY} {arguments} >{files}.json 2>{files}.err"
        ))
    }
}

/// What swarmtrace printed at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Summary {
    /// Events that the kernel side reported.
    pub events: u64,
    /// Of those, lost.
    pub lost: u64,
}

/// Something that watches, on both nodes.
pub struct Watch<'a> {
    vm: &'a Vm,
    mode: Mode,
    running: Vec<(Node, Running)>,
}

impl<'a> Watch<'a> {
    /// Starts it; returns once it watches every device.
    ///
    /// # Errors
    /// Errors if it does not start.
    pub fn start(vm: &'a Vm, mode: Mode) -> Result<Self> {
        let mut watch = Self {
            vm,
            mode,
            running: Vec::new(),
        };
        for node in NODES {
            let files = files(node);
            let Some(script) = mode.script(&files) else {
                break;
            };
            vm.sh(node, &format!("rm -f {files}.*"))?;
            let running = vm.spawn(node, &["sh", "-c", &script])?;
            watch.running.push((node, running));
        }
        for (node, _) in &watch.running {
            let since = Instant::now();
            while !watch.is_ready(*node)? {
                ensure!(
                    since.elapsed() < LIMIT,
                    "{} on {node} is not ready after {} s",
                    mode.name(),
                    LIMIT.as_secs()
                );
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        Ok(watch)
    }

    fn is_ready(&self, node: Node) -> Result<bool> {
        let files = files(node);
        if self.mode == Mode::Tcpdump {
            let counts = format!(
                "ls -d /proc/self/ns/net /var/run/docker/netns/* | wc -l; \
                 cat {files}.dump.* 2>/dev/null | grep -c 'listening on' || :"
            );
            let counts = self.vm.sh(node, &counts)?;
            let mut counts = counts.lines().map(str::trim);
            return Ok(counts.next() == counts.next());
        }
        let stderr = self
            .vm
            .sh(node, &format!("cat {files}.err 2>/dev/null || :"))?;
        if stderr.contains("error:") {
            bail!("{} on {node}: {stderr}", self.mode.name());
        }
        Ok(stderr.contains("tracing"))
    }

    /// Ends it. What both nodes reported together; nothing but from swarmtrace.
    ///
    /// # Errors
    /// Errors if it does not end, or not well.
    pub fn stop(self) -> Result<Summary> {
        let mut both = Summary::default();
        for (node, mut running) in self.running {
            let files = files(node);
            if self.mode == Mode::Tcpdump {
                // What a shell starts in the background does not hear Ctrl-C.
                running.signal(SIGTERM)?;
                running.wait(LIMIT)?;
                continue;
            }
            let ended = running.interrupt(LIMIT)?;
            let stderr = self.vm.sh(node, &format!("cat {files}.err"))?;
            let name = self.mode.name();
            ensure!(
                ended.success(),
                "{name} on {node} ended with {}: {stderr}",
                ended.status
            );
            let last = self.vm.sh(node, &format!("tail -n 1 {files}.json"))?;
            let summary: Summary = serde_json::from_str(&last)
                .with_context(|| format!("{name} on {node} gave no figures: {last}"))?;
            both.events += summary.events;
            both.lost += summary.lost;
        }
        Ok(both)
    }
}

fn files(node: Node) -> String {
    format!("/tmp/bench-{}", node.letter())
}
