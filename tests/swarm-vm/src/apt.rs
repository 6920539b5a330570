//! Debian packages for the VM, by the ordinary apt client, never installed.
//!
//! This machine's own package lists serve if it is the wanted Debian and knows
//! the wanted kernel. Otherwise lists of our own do, under `target/vm/apt`: nothing
//! of the machine's apt is changed, and root is not needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use swarmtrace_programs as programs;

use crate::folders::Folders;
use crate::step::Step;
use crate::{Debian, Kernel};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A package and the version apt chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Package {
    /// As apt names the file it downloads.
    pub fn file_prefix(&self) -> String {
        format!("{}_{}_", self.name, self.version.replace(':', "%3a"))
    }
}

/// One set of package lists.
pub struct Apt {
    options: Vec<String>,
    /// Whose lists these are, for the step lines.
    pub whose: &'static str,
}

impl Apt {
    /// The machine's own lists, if they can serve.
    pub fn of_host(kernel: Kernel, debian: Debian) -> Option<Self> {
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        if !release
            .lines()
            .any(|line| line == format!("VERSION_CODENAME={}", debian.codename()))
        {
            return None;
        }
        let apt = Self {
            options: Vec::new(),
            whose: "this machine's package lists",
        };
        // Any kernel would do as the newest of these lists, which may not have the suite
        // that has the newest of all.
        if kernel == Kernel::Newest && !apt.has_suite_of(kernel) {
            return None;
        }
        apt.newest_kernel(kernel).is_ok().then_some(apt)
    }

    /// Lists of our own, brought up to date now.
    ///
    /// # Errors
    /// Errors if they cannot be downloaded.
    pub fn of_our_own(folders: &Folders, kernel: Kernel, debian: Debian) -> Result<Self> {
        let whose = format!("{}-{}", debian.codename(), kernel.name());
        let step = Step::start(format!(
            "package lists of our own, under target/vm/apt/{whose}"
        ));
        let folder = folders.folder(&format!("apt/{whose}"))?;
        for name in ["state/lists/partial", "cache/archives/partial"] {
            folders.folder(&format!("apt/{whose}/{name}"))?;
        }
        let signed = if Path::new(KEYRING).exists() {
            format!("[signed-by={KEYRING}] ")
        } else {
            String::new()
        };
        let [archive, security] = archives()?;
        let sources: String = suites(kernel, debian)
            .into_iter()
            .map(|suite| {
                let site = if suite.ends_with("-security") {
                    &security
                } else {
                    &archive
                };
                format!("deb {signed}{site} {suite} main\n")
            })
            .collect();
        let list = folder.join("sources.list");
        fs::write(&list, sources).with_context(|| format!("cannot write {}", list.display()))?;
        let set = |name: &str, value: &Path| format!("{name}={}", value.display());
        let apt = Self {
            options: vec![
                set("Dir::Etc::sourcelist", &list),
                "Dir::Etc::sourceparts=-".to_owned(),
                set("Dir::State", &folder.join("state")),
                set("Dir::Cache", &folder.join("cache")),
                "Dir::State::status=/dev/null".to_owned(),
                "APT::Architecture=amd64".to_owned(),
                // The kernel alone comes from elsewhere.
                format!(
                    "APT::Default-Release=/^{}(|-updates|-security)$/",
                    debian.codename()
                ),
            ],
            whose: "package lists of our own",
        };
        // A suite may have moved to the archive since: not fatal, if another has it.
        let updated = programs::run(apt.command("apt-get")?.args(["-qq", "update"]));
        if let Err(error) = updated
            && apt.candidate("docker.io").is_none()
        {
            return Err(error).context("cannot download Debian's package lists");
        }
        step.done();
        Ok(apt)
    }

    fn has_suite_of(&self, kernel: Kernel) -> bool {
        let ask =
            |mut apt: Command| programs::text(apt.args(["indextargets", "--format", "$(RELEASE)"]));
        let known = self.command("apt-get").and_then(ask).unwrap_or_default();
        known.lines().any(|suite| kernel.suites().contains(&suite))
    }

    /// The newest kernel of this series for the cloud: its release, and the
    /// packages that it and its modules are in. (Up to 7.0 that is one; then
    /// `linux-image` only depends on `linux-base`, `linux-binary` and `linux-modules`.)
    ///
    /// # Errors
    /// Errors if the lists have none; names the suites that do.
    pub fn newest_kernel(&self, kernel: Kernel) -> Result<(String, Vec<Package>)> {
        let prefix = kernel.package_prefix();
        let names = programs::text(self.command("apt-cache")?.args(["pkgnames", prefix]))?;
        let mut releases: Vec<&str> = names
            .lines()
            .filter(|name| name.ends_with("-cloud-amd64"))
            // No metapackage.
            .filter(|name| numbers(name).len() > 2)
            .filter_map(|name| name.strip_prefix("linux-image-"))
            .collect();
        releases.sort_by_key(|release| std::cmp::Reverse(numbers(release)));
        for release in releases {
            let part = |part: &str| {
                let name = format!("linux-{part}-{release}");
                let version = self.candidate(&name)?;
                Some(Package { name, version })
            };
            if let Some(image) = part("image") {
                let split = ["base", "binary", "modules"].into_iter().filter_map(part);
                let packages = [image].into_iter().chain(split).collect();
                return Ok((release.to_owned(), packages));
            }
        }
        bail!(
            "no Linux {} for the cloud in {}; it is in Debian's {}",
            kernel.name(),
            self.whose,
            kernel.suites().join(" or ")
        )
    }

    /// These packages and all they depend on, as on an empty system.
    ///
    /// # Errors
    /// Errors if apt finds no way to install them.
    pub fn closure(&self, packages: &[&str]) -> Result<Vec<Package>> {
        let plan = programs::text(
            self.command("apt-get")?
                .args(["-o", "Dir::State::status=/dev/null"])
                .args(["-o", "APT::Install-Recommends=false"])
                .args(["--simulate", "install"])
                .args(packages),
        )
        .context("apt finds no way to install the VM's packages")?;
        Ok(parse_plan(&plan))
    }

    /// Downloads what is not there yet and gives the files, in order.
    ///
    /// # Errors
    /// Errors if a download fails.
    pub fn download(&self, folder: &Path, packages: &[Package]) -> Result<Vec<PathBuf>> {
        let missing = |files: &[String], package: &Package| {
            !files
                .iter()
                .any(|file| file.starts_with(&package.file_prefix()))
        };
        let there = names_in(folder)?;
        let wanted: Vec<String> = packages
            .iter()
            .filter(|package| missing(&there, package))
            .map(|package| format!("{}={}", package.name, package.version))
            .collect();
        if !wanted.is_empty() {
            programs::run(
                self.command("apt-get")?
                    .current_dir(folder)
                    .args(["-qq", "-o", "APT::Sandbox::User=root", "download"])
                    .args(&wanted),
            )
            .with_context(|| {
                format!(
                    "cannot download the VM's packages by {}: are they old? (apt-get update)",
                    self.whose
                )
            })?;
        }
        let there = names_in(folder)?;
        packages
            .iter()
            .map(|package| {
                there
                    .iter()
                    .find(|file| file.starts_with(&package.file_prefix()))
                    .map(|file| folder.join(file))
                    .with_context(|| format!("apt did not download {}", package.name))
            })
            .collect()
    }

    fn candidate(&self, name: &str) -> Option<String> {
        let policy = programs::text(self.command("apt-cache").ok()?.args(["policy", name])).ok()?;
        let line = policy
            .lines()
            .find_map(|line| line.trim().strip_prefix("Candidate: "))?;
        (line != "(none)").then(|| line.to_owned())
    }

    fn command(&self, program: &str) -> Result<Command> {
        let mut command = programs::command(program)?;
        command
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive");
        for option in &self.options {
            command.args(["-o", option]);
        }
        Ok(command)
    }
}

/// The suites that have that Debian's programs, and that kernel.
fn suites(kernel: Kernel, debian: Debian) -> Vec<String> {
    let own = ["", "-updates", "-security"].map(|part| format!("{}{part}", debian.codename()));
    let mut suites = own.to_vec();
    for suite in kernel.suites() {
        if !suites.iter().any(|known| known == suite) {
            suites.push((*suite).to_owned());
        }
    }
    suites
}

fn names_in(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("no {}", folder.display()))?;
    Ok(entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect())
}

/// The packages of `Inst NAME (VERSION SOURCE [ARCH])` lines.
fn parse_plan(plan: &str) -> Vec<Package> {
    plan.lines()
        .filter_map(|line| {
            let (name, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
            let version = rest.split_once('(')?.1.split_whitespace().next()?;
            Some(Package {
                name: name.to_owned(),
                version: version.to_owned(),
            })
        })
        .collect()
}

/// The numbers in a name, to sort versions by.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

/// Where this machine gets Debian from: the archive, and its security updates.
fn archives() -> Result<[String; 2]> {
    let mut ask = programs::command("apt-get")?;
    ask.args(["indextargets", "--format", "$(RELEASE) $(REPO_URI)"]);
    let known = programs::text(&mut ask)?;
    let find = |wanted: fn(&str) -> bool| {
        known
            .lines()
            .filter_map(|line| line.split_once(' '))
            .find(|(release, _)| wanted(release))
            .map(|(_, site)| site.to_owned())
    };
    let archive = find(|release| !release.contains('-'));
    let security = find(|release| release.ends_with("-security"));
    match (archive, security) {
        (Some(archive), Some(security)) => Ok([archive, security]),
        _ => bail!("apt's sources name no Debian release with its security updates"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_gives_names_and_versions() {
        let plan = "NOTE: …\nInst libc6 (2.36-9+deb12u14 Debian:12 [amd64]) []\n\
                    Inst tini (1:0.19 Debian:12 [amd64])\nConf libc6 (2.36-9 Debian:12 [amd64])\n";
        let packages = parse_plan(plan);
        assert_eq!(packages.len(), 2);
        assert_eq!(packages[1].file_prefix(), "tini_1%3a0.19_");
    }

    #[test]
    fn newer_kernels_sort_by_number_not_by_letter() {
        let new = numbers("linux-image-6.12.117+deb12-cloud-amd64");
        assert!(new > numbers("linux-image-6.12.9+bpo-cloud-amd64"));
        assert!(numbers("linux-image-6.1.0-56-cloud") > numbers("linux-image-6.1.0-9-cloud"));
    }

    #[test]
    fn lists_of_our_own_have_every_kernel_and_docker() {
        needs::needs!(Vm);
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::at(folder.path().to_owned()).unwrap();
        for (kernel, debian) in [
            (Kernel::V5_10, Debian::Bookworm),
            (Kernel::V6_12, Debian::Bookworm),
            (Kernel::Newest, Debian::Trixie),
        ] {
            let apt = Apt::of_our_own(&folders, kernel, debian).unwrap();
            let (release, packages) = apt.newest_kernel(kernel).unwrap();
            assert!(release.ends_with("-cloud-amd64"), "{release}");
            assert!(!packages.is_empty());
            let docker = apt.closure(&["docker.io"]).unwrap();
            assert!(docker.iter().any(|package| package.name == "runc"));
        }
    }
}
