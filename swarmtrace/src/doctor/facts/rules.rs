//! Reads iptables' rules of the calling thread's namespace.
//!
//! There is no other common interface than iptables' programs. They are only run if
//! their kernel module is loaded already: otherwise there are no rules, and running them
//! would load it. Without a table's name they list what exists and create nothing.

use super::iptables::{Backend, Ruleset};
use super::modules::Modules;
use super::nft;
use super::walk::Rules;
use crate::sys::programs::{IPTABLES_LEGACY_SAVE, IPTABLES_NFT_SAVE, IPTABLES_SAVE, command};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The programs of this node, looked up once.
#[derive(Clone, Debug, Default)]
pub(super) struct Programs {
    nft: Option<PathBuf>,
    legacy: Option<PathBuf>,
    /// Whether `nf_tables` is loaded, or may be.
    nf_tables: bool,
}

/// What was read, and what could not be read, a line each.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub rules: Option<Rules>,
    pub chains: Vec<nft::BaseChain>,
    pub gaps: Vec<String>,
}

impl Programs {
    pub fn find(modules: Option<&Modules>) -> Self {
        let mut programs = Self {
            nft: IPTABLES_NFT_SAVE.find(),
            legacy: IPTABLES_LEGACY_SAVE.find(),
            // If modules are not known, it is tried.
            nf_tables: modules.is_none_or(|m| m.has("nf_tables") != Some(false)),
        };
        // Before iptables 1.8 there was one program, which is the legacy one;
        // some distributions still have one, of either kind.
        if let Some(plain) = IPTABLES_SAVE.find() {
            let version = run(&plain, &["--version"]).unwrap_or_default();
            let slot = match version.contains("nf_tables") {
                true => &mut programs.nft,
                false => &mut programs.legacy,
            };
            slot.get_or_insert(plain);
        }
        programs
    }

    /// Reads the calling thread's namespace.
    pub fn read(&self) -> Read {
        let mut read = Read::default();
        let mut rules = Rules::default();
        let mut complete = true;
        let mut get = |backend: Backend, program: &Option<PathBuf>, gaps: &mut Vec<String>| {
            let Some(program) = program else {
                let name = backend.name();
                gaps.push(format!("iptables-{name}-save is not installed"));
                complete = false;
                return;
            };
            match run(program, &[]) {
                Ok(text) => {
                    let set = Ruleset::parse(&text);
                    if !set.is_empty() {
                        rules.sets.push((backend, set));
                    }
                }
                Err(error) => {
                    gaps.push(format!("{}: {error}", program.display()));
                    complete = false;
                }
            }
        };
        if self.nf_tables {
            get(Backend::Nft, &self.nft, &mut read.gaps);
            match nft::read() {
                Ok(found) => {
                    read.chains = found.chains;
                    if found.undecoded > 0 {
                        let undecoded = found.undecoded;
                        read.gaps.push(format!(
                            "{undecoded} chains of nf_tables could not be decoded"
                        ));
                    }
                }
                Err(error) => read.gaps.push(format!("nf_tables' chains: {error}")),
            }
        }
        // Lists the tables that ip_tables has for this very namespace.
        let tables = std::fs::read_to_string("/proc/thread-self/net/ip_tables_names");
        match tables {
            Ok(names) if !names.trim().is_empty() => {
                get(Backend::Legacy, &self.legacy, &mut read.gaps);
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => read.gaps.push(format!("ip_tables_names: {error}")),
        }
        read.rules = complete.then_some(rules);
        read
    }
}

/// Runs a program in the calling thread's namespaces, and returns what it prints.
fn run(program: &Path, arguments: &[&str]) -> io::Result<String> {
    let output = command(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        let diagnostics = String::from_utf8_lossy(&output.stderr);
        let first = diagnostics
            .lines()
            .next()
            .unwrap_or("it failed without diagnostics");
        return Err(io::Error::other(first.to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
