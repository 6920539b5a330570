//! The programs that swarmtrace runs on a node. Each is optional: without it one
//! thing is lost, and the table says which.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that swarmtrace runs if it is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// The Debian package that has it.
    pub package: &'static str,
    /// What is lost without it.
    pub without: &'static str,
}

/// Lists the rules that `iptables` keeps in `nf_tables`.
pub const IPTABLES_NFT_SAVE: Program = Program {
    name: "iptables-nft-save",
    package: "iptables",
    without: "packet filter rules kept in nf_tables are not read: what they drop or rewrite stays unexplained",
};

/// Lists the rules that `iptables` keeps in `ip_tables`, the kernel's older tables.
pub const IPTABLES_LEGACY_SAVE: Program = Program {
    name: "iptables-legacy-save",
    package: "iptables",
    without: "packet filter rules kept in the older ip_tables are not read: what they drop or rewrite stays unexplained",
};

/// Lists the rules of whichever of the two this machine uses; where the two above
/// are missing, it stands in for the one that it is.
pub const IPTABLES_SAVE: Program = Program {
    name: "iptables-save",
    package: "iptables",
    without: "on systems that have only this one of iptables' programs, packet filter rules are not read",
};

/// Lists the IPv6 rules that `ip6tables` keeps in `nf_tables`.
pub const IP6TABLES_NFT_SAVE: Program = Program {
    name: "ip6tables-nft-save",
    package: "iptables",
    without: "IPv6 packet filter rules kept in nf_tables are not read",
};

/// Lists the IPv6 rules that `ip6tables` keeps in `ip6_tables`.
pub const IP6TABLES_LEGACY_SAVE: Program = Program {
    name: "ip6tables-legacy-save",
    package: "iptables",
    without: "IPv6 packet filter rules kept in the older ip6_tables are not read",
};

/// Lists nftables' own rules, such as firewalld's.
pub const NFT: Program = Program {
    name: "nft",
    package: "nftables",
    without: "nftables' own rules (firewalld's are such) are not read: only their chains are named",
};

/// Every program that swarmtrace runs.
pub const PROGRAMS: [Program; 6] = [
    IPTABLES_NFT_SAVE,
    IPTABLES_LEGACY_SAVE,
    IPTABLES_SAVE,
    IP6TABLES_NFT_SAVE,
    IP6TABLES_LEGACY_SAVE,
    NFT,
];

/// The folders of programs where `PATH` leaves the administrator's out.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin"];

impl Program {
    /// Where it is installed, if it is.
    pub fn find(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
        let folders: OsString = std::env::join_paths(folders).ok()?;
        which::which_in(self.name, Some(folders), "/").ok()
    }
}

/// A command that runs a program which [`Program::find`] found.
#[expect(
    clippy::disallowed_methods,
    reason = "the place through which the product starts its programs"
)]
pub fn command(program: &Path) -> Command {
    Command::new(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_has_a_package_and_a_loss() {
        for program in PROGRAMS {
            assert!(!program.package.is_empty() && !program.without.is_empty());
        }
    }
}
