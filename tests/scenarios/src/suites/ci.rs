//! The script of `docs/ci` on the real Swarm, as a build server would run it.

use crate::swarm::{GUEST_BINARY, Swarm};
use swarm_vm::{Kernel, Node};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ci/check.sh");
const GUEST_SCRIPT: &str = "/usr/local/bin/check.sh";
/// A load test that fails, unlike what it loads.
const BROKEN: &str = "exit 3";

/// Passes, finds a regression, says that nothing was measured; and each time leaves
/// the reports.
pub fn ci(kernel: Kernel) {
    let swarm = Swarm::up(kernel);
    let put = (swarm.vm()).put(Node::A, SCRIPT.as_ref(), GUEST_SCRIPT);
    put.unwrap_or_else(|e| panic!("{e:#}"));
    let load = "for i in $(seq 8); do vmtool get 127.0.0.1 8080 / 20 || exit 1; done";
    let holds = ["failed == 0", "rst.handshake == 0", "handshake.p50 < 30s"];
    for (assertions, load, status, said) in [
        (&holds[..], load, 0, "pass"),
        (&["handshake.p50 < 1ns"][..], load, 1, "regression"),
        (&holds[..], BROKEN, 2, "unmeasured"),
    ] {
        let asserts: Vec<String> = (assertions.iter())
            .map(|a| format!("--assert '{a}'"))
            .collect();
        // The shell's last word is the script's exit status.
        let script = format!(
            "rm -rf /tmp/report; SWARMTRACE={GUEST_BINARY} GITHUB_STEP_SUMMARY=/tmp/step.md \
             sh {GUEST_SCRIPT} /tmp/report --port 8080 --min-samples 3 {} -- \
             sh -c '{load}' >/tmp/check.out 2>/tmp/check.err; echo $?",
            asserts.join(" ")
        );
        let ended = swarm.sh(Node::A, &script);
        let output = swarm.sh(Node::A, "cat /tmp/check.out /tmp/check.err");
        assert_eq!(ended.trim(), status.to_string(), "{output}");
        let report = swarm.sh(Node::A, "cat /tmp/report/report.json");
        let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
        assert_eq!(report["exit_code"], status, "{report:#}");
        assert_eq!(report["outcome"], said, "{report:#}");
        let summary = swarm.sh(Node::A, "cat /tmp/report/summary.md");
        assert!(
            summary.contains("| ") && !summary.contains('\u{1b}'),
            "{summary}"
        );
        let step = swarm.sh(Node::A, "cat /tmp/step.md");
        assert!(step.ends_with(&summary), "{step}");
        let junit = swarm.sh(Node::A, "cat /tmp/report/report.xml");
        assert!(junit.contains("<testsuite"), "{junit}");
    }
}
