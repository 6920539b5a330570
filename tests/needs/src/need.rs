//! The needs, and how each is found to be met.

use std::fmt;
use std::path::Path;

use nix::unistd::geteuid;

use crate::require::requires_all;

/// Something of the machine that a test cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Root's rights: namespaces, tc, BPF.
    Root,
    /// The kernel's type information, `/sys/kernel/btf/vmlinux`.
    Btf,
    /// The VM with a real Swarm: gigabytes of images and minutes of time, so it is
    /// met only where everything is to run, with [`ALL`](crate::ALL).
    Vm,
    /// A program of the table of external programs.
    Program(&'static str),
}

impl Need {
    /// Whether this machine has it.
    pub fn is_met(self) -> bool {
        match self {
            Self::Root => geteuid().is_root(),
            Self::Btf => Path::new("/sys/kernel/btf/vmlinux").exists(),
            Self::Vm => requires_all(),
            Self::Program(name) => swarmtrace_programs::find(name).is_ok(),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("root"),
            Self::Btf => f.write_str("the kernel's BTF"),
            Self::Vm => f.write_str("the VM"),
            Self::Program(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_or_not() {
        assert!(Need::Program("sh").is_met());
        assert!(!Need::Program("no-such-program").is_met());
    }
}
