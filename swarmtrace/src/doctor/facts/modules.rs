//! Which kernel modules are there, loaded or built in.
//!
//! By hand: the procfs crate fails on a kernel that cannot unload modules, whose
//! `/proc/modules` has no counts (kernel/module/procfs.c), and does not read
//! `modules.builtin`.

use crate::sys::kernel;
use std::collections::BTreeSet;
use std::io;

/// Modules by name, with underscores as the kernel writes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Modules {
    /// Loaded.
    pub loaded: BTreeSet<String>,
    /// Built into the kernel; none if the list of those is not on this node.
    pub built_in: Option<BTreeSet<String>>,
}

impl Modules {
    /// Whether a module is there; none if that is not known.
    pub fn has(&self, name: &str) -> Option<bool> {
        if self.loaded.contains(name) {
            return Some(true);
        }
        self.built_in.as_ref().map(|all| all.contains(name))
    }
}

/// Reads `/proc/modules` and the running kernel's `modules.builtin`.
pub(super) fn read() -> io::Result<Modules> {
    let loaded = match std::fs::read_to_string("/proc/modules") {
        Ok(text) => text,
        // A kernel that has no modules at all.
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let list = format!("/lib/modules/{}/modules.builtin", kernel::release());
    let built_in = std::fs::read_to_string(list).ok();
    Ok(Modules {
        loaded: (loaded.lines())
            .filter_map(|line| line.split_ascii_whitespace().next())
            .map(str::to_owned)
            .collect(),
        built_in: built_in.map(|text| text.lines().filter_map(file_stem).collect()),
    })
}

/// `kernel/net/netfilter/ipvs/ip_vs.ko` → `ip_vs`
fn file_stem(path: &str) -> Option<String> {
    let file = path.rsplit('/').next()?;
    let name = file.split(".ko").next()?;
    (!name.is_empty()).then(|| name.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_built_in_modules() {
        assert_eq!(
            file_stem("kernel/net/br-netfilter.ko").as_deref(),
            Some("br_netfilter")
        );
        assert_eq!(file_stem(""), None);
    }
}
