//! `follow` on a node of the Swarm: started, stopped, killed, and what it printed.

use super::nodes::{GUEST_BINARY, LIMIT, Swarm};
use bed::deadline::until;
use swarm_vm::{Node, Running};
use truth::Timeline;

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
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
    /// The timelines among it.
    pub timelines: Vec<Timeline>,
}

impl<'a> Following<'a> {
    /// Starts `follow --output json` on a node; returns once it traces.
    #[track_caller]
    pub fn start(swarm: &'a Swarm, node: Node, options: &str) -> Self {
        let files = format!("/tmp/follow-{}", node.letter());
        let script = format!(
            "exec {GUEST_BINARY} follow --output json {options} >{files}.json 2>{files}.err"
        );
        let argv = ["sh", "-c", &script];
        let running = swarm
            .vm()
            .spawn(node, &argv)
            .unwrap_or_else(|e| panic!("{e:#}"));
        until(LIMIT, "swarmtrace to print that it is tracing", || {
            let said = swarm.sh(node, &format!("cat {files}.err 2>/dev/null || :"));
            assert!(!said.contains("rror"), "swarmtrace on {node}: {said}");
            said.contains("tracing").then_some(())
        });
        Self {
            swarm,
            node,
            files,
            running,
        }
    }

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

    /// Sends SIGINT and collects what was printed.
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
