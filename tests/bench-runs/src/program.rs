//! The programs that measure, and how they are built.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use swarmtrace_programs as programs;

/// A program that measures: a binary of the package `benches`.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// Its name.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
    /// It takes a minute or more, and shows nothing of small differences.
    pub long: bool,
    /// The package whose example it was until it became a binary of `benches`: an
    /// older revision has it there.
    before: &'static str,
    /// It makes its own events. Revisions before the package `synthetic` have the
    /// generator behind the feature `testing`.
    generates: bool,
}

/// Those that `cargo xtask bench` runs.
pub const BENCHES: [Bench; 5] = [
    Bench {
        name: "bench_kernel",
        about: "kernel side: a packet, attaching",
        long: false,
        before: "swarmtrace",
        generates: false,
    },
    Bench {
        name: "bench_correlator",
        about: "correlator: events, memory",
        long: false,
        before: "swarmtrace",
        generates: true,
    },
    Bench {
        name: "bench_connections",
        about: "connections through the replica",
        long: false,
        before: "swarmtrace-tests",
        generates: false,
    },
    Bench {
        name: "bench_start",
        about: "start to first packet with 200 devices",
        long: false,
        before: "swarmtrace-tests",
        generates: false,
    },
    Bench {
        name: "bench_soak",
        about: "correlator: an hour of 50 million events",
        long: true,
        before: "swarmtrace",
        generates: true,
    },
];

/// The one whose instructions callgrind counts, for `cargo xtask vm bench`.
pub const COUNT_CORRELATOR: Bench = Bench {
    name: "count_correlator",
    about: "correlator: instructions an event",
    long: false,
    before: "swarmtrace",
    generates: true,
};

impl Bench {
    /// Builds it, optimised. Returns where it is.
    ///
    /// # Errors
    /// Errors if it does not build.
    pub fn build(&self) -> Result<PathBuf> {
        let target = programs::target_folder();
        let arguments = ["build", "--release", "--quiet", "--package", "benches"];
        let mut command = programs::cargo(&arguments)?;
        command.args(["--bin", self.name]);
        programs::run(&mut command)?;
        Ok(target.join("release").join(self.name))
    }

    /// How to build it from these sources, which may be of an older revision, and
    /// where below the target folder it then is; `None` if they do not have it.
    pub fn recipe(&self, sources: &Path) -> Option<(Vec<&'static str>, PathBuf)> {
        let has = |path: String| sources.join(path).exists();
        let (package, kind, folder) = if has(format!("tests/benches/src/bin/{}.rs", self.name)) {
            ("benches", "--bin", "release")
        } else {
            let folder = match self.before {
                "swarmtrace-tests" => "tests",
                package => package,
            };
            if !has(format!("{folder}/examples/{}.rs", self.name)) {
                return None;
            }
            (self.before, "--example", "release/examples")
        };
        let mut arguments = vec!["build", "--release", "--package", package, kind, self.name];
        if self.generates && !has("tests/synthetic/Cargo.toml".to_owned()) {
            arguments.extend(["--features", "testing"]);
        }
        Some((arguments, Path::new(folder).join(self.name)))
    }
}

/// Runs a built program that measures, in the folder of its sources, with the
/// swarmtrace that it measures. Returns the JSON that it prints.
///
/// # Errors
/// Errors if it fails or prints something else.
pub fn measure(program: &Path, sources: &Path, swarmtrace: &Path) -> Result<Value> {
    let output = programs::built(program)
        .arg("--json")
        .current_dir(sources)
        .env("SWARMTRACE_BIN", swarmtrace)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let (name, status) = (program.display(), output.status);
    ensure!(status.success(), "{name} ended with {status}");
    serde_json::from_slice(&output.stdout).with_context(|| format!("{name} printed no JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn these_sources_have_every_one() {
        for bench in BENCHES.iter().chain([&COUNT_CORRELATOR]) {
            let (arguments, path) = bench.recipe(programs::workspace()).expect(bench.name);
            assert!(arguments.contains(&"benches"), "{arguments:?}");
            assert_eq!(path, Path::new("release").join(bench.name));
        }
    }
}
