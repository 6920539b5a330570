//! The table: each program with where it comes from.

/// An external program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// The name by which it is started.
    pub name: &'static str,
    /// Where it comes from.
    pub source: Source,
    /// It runs other programs, by names found on `PATH`.
    pub runs_others: bool,
}

/// Where a program comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A Debian package that `cargo xtask setup` installs.
    Package(&'static str),
    /// A Debian package that only one chore needs, which installs it itself.
    OnDemand(&'static str),
    /// A Debian package that is used where it is installed, and never installed:
    /// `sudo` for a user who is not root, `systemctl` where systemd runs.
    IfInstalled(&'static str),
    /// rustup and the toolchain that it brings: installed before anything here.
    Rustup,
    /// Built by `cargo xtask setup` with `cargo install`.
    CargoInstall,
}

impl Source {
    /// How one gets the program, as the end of a sentence.
    pub fn remedy(self) -> String {
        match self {
            Self::Package(package) => {
                format!("its package is {package}: run `cargo xtask setup`")
            }
            Self::OnDemand(package) | Self::IfInstalled(package) => {
                format!("its package is {package}: run `apt-get install {package}`")
            }
            Self::Rustup => "it comes with rustup: see https://rustup.rs".to_owned(),
            Self::CargoInstall => "run `cargo xtask setup`".to_owned(),
        }
    }
}

/// A program of a package that setup installs.
const fn of(package: &'static str, name: &'static str) -> Program {
    Program {
        name,
        source: Source::Package(package),
        runs_others: false,
    }
}

/// The same, of one that runs others.
const fn runner(package: &'static str, name: &'static str) -> Program {
    Program {
        runs_others: true,
        ..of(package, name)
    }
}

const fn from(source: Source, name: &'static str) -> Program {
    Program {
        name,
        source,
        runs_others: false,
    }
}

/// Every program, by package. Packages that Debian always has are here, too: the
/// table is also the list of what may be started.
pub const PROGRAMS: &[Program] = &[
    of("apt", "apt-cache"),
    of("apt", "apt-get"),
    runner("bash", "bash"),
    of("bpftool", "bpftool"),
    of("conntrack", "conntrack"),
    of("coreutils", "chmod"),
    runner("coreutils", "env"),
    of("coreutils", "install"),
    of("coreutils", "mkdir"),
    of("coreutils", "uname"),
    runner("dash", "sh"),
    of("dpkg", "dpkg-deb"),
    of("dpkg", "dpkg-query"),
    of("e2fsprogs", "mke2fs"),
    of("ethtool", "ethtool"),
    of("findutils", "find"),
    of("git", "git"),
    of("iproute2", "bridge"),
    runner("iproute2", "ip"),
    of("iproute2", "ss"),
    of("iproute2", "tc"),
    of("iptables", "ip6tables"),
    of("iptables", "ip6tables-legacy"),
    of("iptables", "ip6tables-nft"),
    of("iptables", "ip6tables-save"),
    of("iptables", "iptables"),
    of("iptables", "iptables-legacy"),
    of("iptables", "iptables-legacy-save"),
    of("iptables", "iptables-nft"),
    of("iptables", "iptables-nft-save"),
    of("iptables", "iptables-restore"),
    of("iptables", "iptables-save"),
    of("ipvsadm", "ipvsadm"),
    of("libc-bin", "ldconfig"),
    of("libxml2-utils", "xmllint"),
    of("mount", "mount"),
    of("nftables", "nft"),
    of("nginx", "nginx"),
    of("qemu-system-x86", "qemu-system-x86_64"),
    of("tar", "tar"),
    of("tcpdump", "tcpdump"),
    runner("util-linux", "setpriv"),
    runner("util-linux", "unshare"),
    of("wrk", "wrk"),
    of("xz-utils", "xz"),
    from(Source::OnDemand("valgrind"), "valgrind"),
    from(Source::IfInstalled("sudo"), "sudo"),
    from(Source::IfInstalled("systemd"), "systemctl"),
    from(Source::Rustup, "cargo"),
    from(Source::Rustup, "rustc"),
    from(Source::Rustup, "rustup"),
    from(Source::CargoInstall, "bpf-linker"),
];

/// The program of that name.
pub fn program(name: &str) -> Option<&'static Program> {
    PROGRAMS.iter().find(|program| program.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique() {
        let mut names = HashSet::new();
        for program in PROGRAMS {
            assert!(names.insert(program.name), "{} twice", program.name);
        }
    }

    /// Where the program is installed, dpkg knows the package that brought it.
    #[test]
    fn packages_are_those_that_dpkg_names() {
        let installed: Vec<_> = PROGRAMS
            .iter()
            .filter_map(|program| Some((program, package(program)?, spellings(program.name)?)))
            .collect();
        let paths = installed.iter().flat_map(|(_, _, spellings)| spellings);
        // It fails when it does not know one of them, and still lists the others.
        let mut dpkg = crate::command("dpkg-query").expect("dpkg-query");
        let known = dpkg.arg("--search").args(paths).output().expect("run it");
        let known = String::from_utf8_lossy(&known.stdout).into_owned();
        for (program, package, spellings) in &installed {
            // `iproute2: /bin/ip`, also `a, b: /bin/x`
            let owners: Vec<&str> = known
                .lines()
                .filter_map(|line| line.split_once(": "))
                .filter(|(_, path)| spellings.iter().any(|spelling| spelling == path))
                .flat_map(|(owners, _)| owners.split(", "))
                .filter_map(|owner| owner.split(':').next())
                .collect();
            assert!(
                owners.is_empty() || owners.contains(package),
                "{}: the table has {package}, dpkg {owners:?}",
                program.name
            );
        }
    }

    fn package(program: &Program) -> Option<&'static str> {
        match program.source {
            Source::Package(package) | Source::OnDemand(package) | Source::IfInstalled(package) => {
                Some(package)
            }
            Source::Rustup | Source::CargoInstall => None,
        }
    }

    /// The paths under which a package may have the program: packages name /bin/ip
    /// where /bin is a link to /usr/bin, and alternatives are links of links.
    fn spellings(name: &str) -> Option<Vec<String>> {
        let path = crate::find(name).ok()?;
        let target = path.canonicalize().ok()?;
        let paths = [path, target].map(|path| path.to_string_lossy().into_owned());
        let short = paths.each_ref().map(|path| path.replacen("/usr", "", 1));
        Some(paths.into_iter().chain(short).collect())
    }
}
