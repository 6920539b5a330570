//! `swarmtrace features` as it is run: as root on the running kernel, and without
//! any right. Needs root.

use needs::needs;
use serde_json::Value;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Output;
use swarmtrace_programs as programs;

const BINARY: &str = env!("CARGO_BIN_EXE_swarmtrace");
const NOBODY: u32 = 65534;

fn features(binary: &Path, options: &[&str], user: u32) -> Output {
    let mut command = programs::built(binary);
    command.arg("features").args(options).uid(user).gid(user);
    // Whatever Docker this machine has, none is asked.
    command.env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    command.output().expect("run swarmtrace")
}

fn state<'a>(report: &'a Value, id: &str) -> &'a str {
    let features = report["features"].as_array().expect("a list");
    let feature = features.iter().find(|f| f["id"] == id).expect("is listed");
    feature["state"].as_str().expect("a word")
}

#[test]
fn as_root_every_program_loads() {
    needs!(Root, Btf);
    let output = features(BINARY.as_ref(), &["--output", "json"], 0);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["works"], true, "{report:#}");
    assert_eq!(state(&report, "rights"), "ok");
    assert_eq!(state(&report, "programs"), "ok");
    // Docker is not needed.
    assert_eq!(state(&report, "docker"), "missing");
    let programs = report["programs"].as_array().unwrap();
    assert!(programs.len() >= 4, "{report:#}");
    for program in programs {
        let limit = 1_000_000;
        let verified = program["verified_instructions"].as_u64();
        assert!(
            verified.is_none_or(|n| (1..limit).contains(&n)),
            "{program}"
        );
    }
}

#[test]
fn without_rights_one_line_says_so() {
    needs!(Root);
    // Nobody may look into the folder that this was built in.
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("swarmtrace");
    set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    // By another process: a file that a thread here has open for writing while
    // the other test forks cannot be run.
    let mut install = programs::required("install");
    let copied = install.args(["-m", "755", BINARY]).arg(&binary).status();
    assert!(copied.unwrap().success());
    let output = features(&binary, &[], NOBODY);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let first = text.lines().next().unwrap();
    assert!(
        first.contains("not root") && first.contains("sudo"),
        "{first}"
    );
    let json = features(&binary, &["--output", "json"], NOBODY).stdout;
    let report: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(report["works"], false);
    assert_eq!(state(&report, "programs"), "unknown");
    // What needs no rights is reported all the same.
    assert_eq!(state(&report, "btf"), "ok");
}
