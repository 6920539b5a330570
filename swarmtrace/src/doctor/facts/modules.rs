//! Which kernel modules are there, loaded or built in.

use std::collections::BTreeSet;
use std::io;

/// Modules by name, with underscores as the kernel writes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Modules {
    /// Loaded.
    pub loaded: BTreeSet<String>,
    /// Part of the kernel; none where its list is not on this machine.
    pub built_in: Option<BTreeSet<String>>,
}

impl Modules {
    /// Whether it is there; none where that is not known.
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
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let list = format!("/lib/modules/{}/modules.builtin", release.trim());
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
