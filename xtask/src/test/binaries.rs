//! The test binaries of the workspace: built once, with one choice of packages and
//! features, so that no suite builds a dependency a second time.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use swarmtrace_programs as programs;

/// A built test binary.
#[derive(Clone, Debug, PartialEq)]
pub struct TestBinary {
    /// The name of its target: `swarmtrace`, `replica_flows`.
    pub name: String,
    /// It is a file of `tests/`, not the unit tests of a library or program.
    pub is_integration: bool,
    /// The executable.
    pub path: PathBuf,
    /// The folder of its package, in which cargo runs it, too.
    pub folder: PathBuf,
}

/// Builds every test of the workspace but those of the kernel side, which cannot run
/// in user space.
///
/// # Errors
/// Errors if one does not build.
pub fn build() -> Result<Vec<TestBinary>> {
    let output = programs::cargo(&["test", "--quiet", "--no-run"])?
        .args(["--workspace", "--exclude", "swarmtrace-ebpf"])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo test")?;
    ensure!(output.status.success(), "the tests do not build");
    let printed = String::from_utf8(output.stdout).context("cargo printed no UTF-8")?;
    printed
        .lines()
        .filter_map(|line| read(line).transpose())
        .collect()
}

/// The test binary of a message, if it is about one. Relied on: "External tools" in
/// the Cargo book, messages of the reason `compiler-artifact`.
fn read(line: &str) -> Result<Option<TestBinary>> {
    let message: Value =
        serde_json::from_str(line).with_context(|| format!("cargo printed no JSON: {line}"))?;
    let (Some(path), Some(true)) = (
        message["executable"].as_str(),
        message["profile"]["test"].as_bool(),
    ) else {
        return Ok(None);
    };
    let target = &message["target"];
    let manifest = message["manifest_path"].as_str().map(Path::new);
    let (Some(name), Some(kind), Some(folder)) = (
        target["name"].as_str(),
        target["kind"].as_array(),
        manifest.and_then(Path::parent),
    ) else {
        anyhow::bail!("cargo describes a test binary without name, kind or manifest: {line}");
    };
    Ok(Some(TestBinary {
        name: name.to_owned(),
        is_integration: kind.iter().any(|kind| kind == "test"),
        path: path.into(),
        folder: folder.to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_test_binaries_are_read() {
        let test = r#"{"reason":"compiler-artifact","manifest_path":"/w/tests/Cargo.toml",
            "target":{"kind":["test"],"name":"vm_6_1"},"profile":{"test":true},
            "executable":"/w/target/debug/deps/vm_6_1-0"}"#;
        let expected = TestBinary {
            name: "vm_6_1".to_owned(),
            is_integration: true,
            path: "/w/target/debug/deps/vm_6_1-0".into(),
            folder: "/w/tests".into(),
        };
        assert_eq!(read(test).unwrap(), Some(expected));
        for other in [
            r#"{"reason":"build-finished","success":true}"#,
            &test.replace(r#""test":true"#, r#""test":false"#),
        ] {
            assert_eq!(read(other).unwrap(), None);
        }
    }
}
