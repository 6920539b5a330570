//! Debian packages: which are wanted, which lack, and installing those.

use std::io::{IsTerminal, stdin};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::host;
use crate::step::Step;

/// What the build, the tests, the VM and the benchmarks run.
/// `qemu-utils` is not among them: it may conflict with the installed QEMU.
pub const ALWAYS: &[&str] = &[
    "ca-certificates",
    "conntrack",
    "e2fsprogs",
    "ethtool",
    "gcc",
    "iproute2",
    "iptables",
    "libc6-dev",
    "libxml2-utils",
    "nftables",
    "nginx-light",
    "qemu-system-x86",
    "tcpdump",
    "util-linux",
    "wrk",
    "xz-utils",
];

/// Debian's Rust that comes with `core` compiled for BPF.
pub const BPF_COMPILER: &[&str] = &["cargo-web", "libstd-rust-web-dev-bpf", "rustc-web"];

/// What bpf-linker is built against, and with.
pub const BPF_LINKER: &[&str] = &["g++", "llvm-22-dev"];

/// Where Debian 12 has those.
const SUITE: &str = "bookworm-security";

/// Every package that setup may install.
pub fn all() -> Vec<&'static str> {
    [ALWAYS, BPF_COMPILER, BPF_LINKER].concat()
}

/// Which of these are not installed.
///
/// # Errors
/// When dpkg cannot be asked.
pub fn missing<'a>(wanted: &[&'a str]) -> Result<Vec<&'a str>> {
    // It fails when it does not know one of them, and still lists the others.
    let known = Command::new("dpkg-query")
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
/// When we are not root and cannot become it, or apt fails.
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
    host::run(root.command("apt-get").args(["-qq", "update"]))?;
    step.done();
    for name in missing {
        ensure!(
            has_candidate(name)?,
            "apt knows no package {name}; its sources need Debian's suite {SUITE}, part main"
        );
    }
    let step = Step::start(format!("installing {}", missing.join(" ")));
    host::run(
        root.command("apt-get")
            .args(["-qq", "--yes", "--no-install-recommends", "install"])
            .args(missing),
    )
    .with_context(|| format!("cannot install; by hand: {by_hand}"))?;
    step.done();
    if missing.contains(&"nginx-light") && Path::new("/run/systemd/system").exists() {
        // It is a server to test against, not one to have running.
        let _ = host::run(
            root.command("systemctl")
                .args(["--quiet", "disable", "--now", "nginx"]),
        );
    }
    Ok(())
}

fn has_candidate(name: &str) -> Result<bool> {
    let policy = host::text(
        Command::new("apt-cache")
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
        if host::find_program("sudo").is_none() {
            bail!("not root, and there is no sudo");
        }
        let mut ask = Command::new("sudo");
        if !stdin().is_terminal() {
            ask.arg("-n");
        }
        // Asks for the password here, if at all, and not in the middle of a step.
        let allowed = ask.arg("-v").status().context("cannot run sudo")?.success();
        ensure!(allowed, "not root, and sudo refuses");
        Ok(Self::Sudo)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = match self {
            Self::Already => Command::new(program),
            Self::Sudo => {
                let mut command = Command::new("sudo");
                command.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", program]);
                command
            }
        };
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C");
        command
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
