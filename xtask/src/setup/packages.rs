//! Debian packages: which are needed, which are missing, and installing those.

use std::io::{IsTerminal, stdin};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use swarm_vm::step::Step;
use swarmtrace_programs::{self as programs, PROGRAMS, Program, Source};

/// What the build needs that is no program: the table of external programs has those.
/// `gcc` is cargo's linker.
pub const LIBRARIES: &[&str] = &["ca-certificates", "gcc", "libc6-dev"];

/// Debian's Rust that comes with `core` compiled for BPF, and its clippy.
pub const BPF_COMPILER: &[&str] = &[
    "cargo-web",
    "libstd-rust-web-dev-bpf",
    "rust-web-clippy",
    "rustc-web",
];

/// What bpf-linker is built against, and with.
pub const BPF_LINKER: &[&str] = &["g++", "llvm-22-dev"];

/// Where Debian 12 has those.
const SUITE: &str = "bookworm-security";

/// Every package that setup may install.
pub fn all() -> Vec<&'static str> {
    let programs = PROGRAMS.iter().filter_map(package);
    let mut all: Vec<_> = programs
        .chain([LIBRARIES, BPF_COMPILER, BPF_LINKER].concat())
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The programs that setup installs.
pub fn programs() -> impl Iterator<Item = &'static str> {
    let installs = |program: &&Program| package(program).is_some();
    PROGRAMS.iter().filter(installs).map(|program| program.name)
}

fn package(program: &Program) -> Option<&'static str> {
    match program.source {
        Source::Package(package) => Some(package),
        _ => None,
    }
}

/// The packages of those of these programs that are not installed, each once.
pub fn of_missing_programs<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'static str> {
    let mut packages: Vec<_> = names
        .filter(|name| programs::find(name).is_err())
        .filter_map(|name| match programs::program(name)?.source {
            Source::Package(package) | Source::OnDemand(package) => Some(package),
            _ => None,
        })
        .collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// Which of these are not installed.
///
/// # Errors
/// Errors if dpkg cannot be asked.
pub fn missing<'a>(wanted: &[&'a str]) -> Result<Vec<&'a str>> {
    // It fails when it does not know one of them, and still lists the others.
    let known = programs::command("dpkg-query")?
        .args(["--show", "--showformat=${Package} ${db:Status-Status}\n"])
        .args(wanted)
        .output()
        .context("cannot run dpkg-query")?;
    let known = String::from_utf8_lossy(&known.stdout).into_owned();
    let installed = |name: &str| {
        known
            .lines()
            .any(|line| line == format!("{name} installed"))
    };
    Ok(wanted
        .iter()
        .copied()
        .filter(|name| !installed(name))
        .collect())
}

/// Installs these; with nothing to install, does nothing.
///
/// # Errors
/// Errors if we are not root and cannot become it, or apt fails.
pub fn install(missing: &[&str]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!(
        "apt-get update && apt-get install --no-install-recommends {}",
        missing.join(" ")
    );
    let root = Root::find().with_context(|| format!("setup needs root to run: {by_hand}"))?;
    let step = Step::start("apt-get update");
    programs::run(root.command("apt-get")?.args(["-qq", "update"]))?;
    step.done();
    for name in missing {
        ensure!(
            has_candidate(name)?,
            "apt knows no package {name}; its sources need Debian's suite {SUITE}, part main"
        );
    }
    let step = Step::start(format!("installing {}", missing.join(" ")));
    programs::run(
        root.command("apt-get")?
            .args(["-qq", "--yes", "--no-install-recommends", "install"])
            .args(missing),
    )
    .with_context(|| format!("cannot install; by hand: {by_hand}"))?;
    step.done();
    if missing.contains(&"nginx") && Path::new("/run/systemd/system").exists() {
        // It is a server to test against, not one to have running.
        let _ = programs::run(
            root.command("systemctl")?
                .args(["--quiet", "disable", "--now", "nginx"]),
        );
    }
    Ok(())
}

fn has_candidate(name: &str) -> Result<bool> {
    let policy = programs::text(
        programs::command("apt-cache")?
            .env("LC_ALL", "C")
            .args(["policy", name]),
    )?;
    let candidate = policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate: "));
    Ok(candidate.is_some_and(|version| version != "(none)"))
}

/// How to run something as root.
enum Root {
    Already,
    Sudo,
}

impl Root {
    fn find() -> Result<Self> {
        if nix::unistd::geteuid().is_root() {
            return Ok(Self::Already);
        }
        if programs::find("sudo").is_err() {
            bail!("not root, and there is no sudo");
        }
        let mut ask = programs::command("sudo")?;
        if !stdin().is_terminal() {
            ask.arg("-n");
        }
        // Asks for the password here, if at all, and not in the middle of a step.
        let allowed = ask.arg("-v").status().context("cannot run sudo")?.success();
        ensure!(allowed, "not root, and sudo refuses");
        Ok(Self::Sudo)
    }

    fn command(&self, program: &str) -> Result<Command> {
        let mut command = match self {
            Self::Already => programs::command(program)?,
            Self::Sudo => {
                let program = programs::find(program)?;
                let mut command = programs::command("sudo")?;
                command.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive"]);
                command.arg(program);
                command
            }
        };
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C");
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dpkg_does_not_know_is_missing() {
        let missing = missing(&["dpkg", "no-such-package-anywhere"]).unwrap();
        assert_eq!(missing, ["no-such-package-anywhere"]);
    }
}
