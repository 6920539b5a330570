//! Reads the rules of the calling thread's namespace.
//!
//! There is no other common interface than iptables' and nftables' own programs. They
//! are only run if their kernel module is loaded already: otherwise there are no rules,
//! and running them would load it. Without a table's name they list what exists and
//! create nothing. No shell is started.
//!
//! `nft` also lists what iptables-nft keeps. Such a base chain is left out of nft's
//! tables, decided by content: it is iptables' if iptables-nft-save listed a chain of
//! that name in that table. Of a table that nft wrote under such a name,
//! iptables-nft-save lists nothing but that it is incompatible, and it is walked as nft's.

mod base_chains;
mod run;

use super::iptables::Ruleset;
use super::nft;
use super::quote::{Backend, Family, Unread};
use super::rules::Firewall;
use crate::sys::netns::Netns;
use crate::sys::programs::{
    IP6TABLES_LEGACY_SAVE, IP6TABLES_NFT_SAVE, IPTABLES_LEGACY_SAVE, IPTABLES_NFT_SAVE,
    IPTABLES_SAVE, NFT, Program,
};
use run::run;
use std::io;
use std::path::{Path, PathBuf};

/// The programs of this node, looked up once.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    iptables_nft: Option<PathBuf>,
    iptables_legacy: Option<PathBuf>,
    ip6tables_nft: Option<PathBuf>,
    ip6tables_legacy: Option<PathBuf>,
    nft: Option<PathBuf>,
    /// Whether `nf_tables` is loaded, or may be.
    nf_tables: bool,
}

impl Programs {
    /// Looks them up. `nf_tables` says whether that module is loaded, or may be.
    pub fn find(nf_tables: bool) -> Self {
        let mut programs = Self {
            iptables_nft: IPTABLES_NFT_SAVE.find(),
            iptables_legacy: IPTABLES_LEGACY_SAVE.find(),
            ip6tables_nft: IP6TABLES_NFT_SAVE.find(),
            ip6tables_legacy: IP6TABLES_LEGACY_SAVE.find(),
            nft: NFT.find(),
            nf_tables,
        };
        // Before iptables 1.8 there was one program, which is the legacy one;
        // some distributions still have one, of either kind.
        if let Some(plain) = IPTABLES_SAVE.find() {
            let version = run(&plain, &["--version"]).unwrap_or_default();
            let slot = match version.contains("nf_tables") {
                true => &mut programs.iptables_nft,
                false => &mut programs.iptables_legacy,
            };
            slot.get_or_insert(plain);
        }
        programs
    }

    /// Reads the rules of a namespace. Blocks for some milliseconds; a program that
    /// hangs is stopped after some seconds.
    ///
    /// What cannot be read is listed in [`Firewall::unread`], a namespace that is gone
    /// too.
    pub fn read_in(&self, namespace: &Path) -> Firewall {
        let read = Netns::open(namespace).and_then(|n| n.run(|| self.read()));
        read.unwrap_or_else(|error| Firewall {
            unread: vec![Unread {
                what: Backend::Native,
                family: Family::Inet,
                why: error.to_string(),
            }],
            ..Firewall::default()
        })
    }

    /// Reads the rules of the calling thread's namespace, as [`Programs::read_in`].
    pub fn read(&self) -> Firewall {
        let mut read = Reading::default();
        if self.nf_tables {
            read.iptables(Backend::Nft, Family::Ip, self.iptables_nft.as_deref());
            read.iptables(Backend::Nft, Family::Ip6, self.ip6tables_nft.as_deref());
            read.native(self.nft.as_deref());
        }
        for (family, names, program) in [
            (Family::Ip, "ip_tables_names", &self.iptables_legacy),
            (Family::Ip6, "ip6_tables_names", &self.ip6tables_legacy),
        ] {
            // Lists the tables that the kernel has for this very namespace.
            match std::fs::read_to_string(format!("/proc/thread-self/net/{names}")) {
                Ok(tables) if !tables.trim().is_empty() => {
                    read.iptables(Backend::Legacy, family, program.as_deref());
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => read.unread(Backend::Legacy, family, format!("{names}: {error}")),
            }
        }
        read.firewall
    }
}

#[derive(Default)]
struct Reading {
    firewall: Firewall,
}

impl Reading {
    fn unread(&mut self, what: Backend, family: Family, why: String) {
        self.firewall.unread.push(Unread { what, family, why });
    }

    fn iptables(&mut self, backend: Backend, family: Family, program: Option<&Path>) {
        let Some(program) = program else {
            let name = save(backend, family).name;
            return self.unread(backend, family, format!("{name} is not installed"));
        };
        match run(program, &["-c"]) {
            Ok(text) => {
                let set = Ruleset::parse(&text);
                let sets = match family {
                    Family::Ip6 => &mut self.firewall.sets6,
                    _ => &mut self.firewall.sets,
                };
                if !set.is_empty() {
                    sets.push((backend, set));
                }
            }
            Err(error) => {
                self.unread(backend, family, format!("{}: {error}", program.display()));
            }
        }
    }

    fn native(&mut self, program: Option<&Path>) {
        let Some(program) = program else {
            return self.without_nft();
        };
        let listed = run(program, &["-j", "list", "ruleset"]).and_then(|json| {
            // Only for the rules' texts: without it they are quoted as JSON.
            let listing = run(program, &["-a", "-s", "list", "ruleset"]).unwrap_or_default();
            let iptables =
                |family, table: &str, chain: &str| self.is_iptables(family, table, chain);
            nft::Ruleset::parse(&json, &listing, iptables).map_err(io::Error::other)
        });
        match listed {
            Ok(nft) => self.firewall.nft = nft,
            Err(error) => {
                let why = format!("{}: {error}", program.display());
                self.unread(Backend::Native, Family::Inet, why);
            }
        }
    }

    fn is_iptables(&self, family: Family, table: &str, chain: &str) -> bool {
        let sets = match family {
            Family::Ip => &self.firewall.sets,
            Family::Ip6 => &self.firewall.sets6,
            _ => return false,
        };
        (sets.iter())
            .filter(|(backend, _)| *backend == Backend::Nft)
            .any(|(_, set)| set.chain(table, chain).is_some())
    }

    /// Without `nft` the kernel still says which chains there are.
    fn without_nft(&mut self) {
        match base_chains::read() {
            Ok(found) => {
                for chain in found.chains {
                    let why = format!(
                        "nft is not installed: chain {} of table {} (hook {}) is not followed",
                        chain.name, chain.table, chain.hook,
                    );
                    self.unread(Backend::Native, Family::Inet, why);
                }
                if found.undecoded > 0 {
                    let why = format!(
                        "nft is not installed, and {} chains of nf_tables could not be decoded",
                        found.undecoded
                    );
                    self.unread(Backend::Native, Family::Inet, why);
                }
            }
            Err(error) => {
                let why = format!("nf_tables' chains: {error}");
                self.unread(Backend::Native, Family::Inet, why);
            }
        }
    }
}

fn save(backend: Backend, family: Family) -> Program {
    match (backend, family) {
        (Backend::Legacy, Family::Ip6) => IP6TABLES_LEGACY_SAVE,
        (Backend::Legacy, _) => IPTABLES_LEGACY_SAVE,
        (_, Family::Ip6) => IP6TABLES_NFT_SAVE,
        _ => IPTABLES_NFT_SAVE,
    }
}
