//! The table of features: what each is called, whether tracing works without it, what
//! is lost then, and how to get it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A feature of the node that swarmtrace uses.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Id {
    /// Root, or the capabilities.
    Rights,
    /// The kernel's version.
    Kernel,
    /// The kernel's types.
    Btf,
    /// The ring buffer that events come through.
    RingBuffer,
    /// The helper that reads a packet's bytes.
    PacketBytes,
    /// The helper that reads the kernel's memory.
    KernelMemory,
    /// The helper that reads `CLOCK_MONOTONIC`.
    Clock,
    /// swarmtrace's own programs.
    Programs,
    /// The JIT compiler for programs.
    Jit,
    /// Links that end with the process.
    Tcx,
    /// Connection tracking's records.
    Conntrack,
    /// The tracepoint of dropped packets.
    Drops,
    /// The reasons that it gives.
    DropReasons,
    /// The tracepoint of resets that the kernel sends.
    Resets,
    /// The reasons that it gives.
    ResetReasons,
    /// The Docker daemon.
    Docker,
    /// The programs that list iptables' rules.
    Iptables,
}

/// A row of the table.
struct Entry {
    name: &'static str,
    needed: bool,
    lost: &'static str,
    get: &'static str,
}

/// A feature without which nothing can be traced.
const fn needed(name: &'static str, get: &'static str) -> Entry {
    Entry {
        name,
        needed: true,
        lost: "nothing can be traced",
        get,
    }
}

/// A feature without which tracing works, but shows less.
const fn useful(name: &'static str, lost: &'static str, get: &'static str) -> Entry {
    Entry {
        name,
        needed: false,
        lost,
        get,
    }
}

impl Id {
    /// Every feature, in the order of the report.
    pub const ALL: [Self; 17] = [
        Self::Rights,
        Self::Kernel,
        Self::Btf,
        Self::RingBuffer,
        Self::PacketBytes,
        Self::KernelMemory,
        Self::Clock,
        Self::Programs,
        Self::Jit,
        Self::Tcx,
        Self::Conntrack,
        Self::Drops,
        Self::DropReasons,
        Self::Resets,
        Self::ResetReasons,
        Self::Docker,
        Self::Iptables,
    ];

    /// Its name in text and JSON; never changes.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// Whether nothing can be traced without it.
    pub fn is_needed(self) -> bool {
        self.entry().needed
    }

    /// What is lost without it.
    pub fn lost(self) -> &'static str {
        self.entry().lost
    }

    /// How to get it.
    pub fn get(self) -> &'static str {
        self.entry().get
    }

    fn entry(self) -> Entry {
        match self {
            Self::Rights => needed(
                "rights",
                "run it as root: sudo swarmtrace …; in a container as root with --privileged \
                 --network host --pid host",
            ),
            Self::Kernel => needed("kernel", "boot Linux 5.10 or newer"),
            Self::Btf => needed(
                "btf",
                "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, as every current \
                 distribution's is",
            ),
            Self::RingBuffer => needed(
                "ring-buffer",
                "boot a kernel built with CONFIG_BPF_SYSCALL=y, Linux 5.10 or newer",
            ),
            Self::PacketBytes => needed(
                "packet-bytes",
                "boot a kernel built with CONFIG_NET_CLS_BPF and CONFIG_BPF_SYSCALL",
            ),
            Self::KernelMemory => needed(
                "kernel-memory",
                "boot a kernel built with CONFIG_BPF_EVENTS=y, and without \
                 lockdown=confidentiality",
            ),
            Self::Clock => needed("clock", "boot a kernel built with CONFIG_BPF_SYSCALL=y"),
            Self::Programs => needed(
                "programs",
                "another version of the kernel may load them; please report it with the output of \
                 `swarmtrace features -v`",
            ),
            Self::Jit => useful(
                "jit",
                "each packet costs several times more",
                "sysctl net.core.bpf_jit_enable=1",
            ),
            Self::Tcx => useful(
                "tcx",
                "filters on a clsact qdisc are used instead: what a killed run leaves is removed \
                 by the next start or by swarmtrace cleanup",
                "Linux 6.6 or newer",
            ),
            Self::Conntrack => useful(
                "conntrack",
                "rewrites are inferred from the packets before and after alone, and lines do not \
                 print conntrack",
                "the nf_conntrack module, which Docker loads, and Linux 5.11 or newer, whose \
                 modules publish their types",
            ),
            Self::Drops => useful(
                "drops",
                "of a packet that the kernel drops only the last hop is known",
                "a kernel built with CONFIG_BPF_EVENTS=y",
            ),
            Self::DropReasons => useful(
                "drop-reasons",
                "the kernel gives no reasons for drops: the function that dropped the packet is \
                 named instead",
                "Linux 5.17 or newer",
            ),
            Self::Resets => useful(
                "resets",
                "the sender of a reset is inferred from the first hop that saw it",
                "a kernel built with CONFIG_BPF_EVENTS=y",
            ),
            Self::ResetReasons => useful(
                "reset-reasons",
                "the kernel gives no reasons for resets, and does not report those that no socket \
                 sends",
                "Linux 6.10 or newer",
            ),
            Self::Docker => useful(
                "docker",
                "services, tasks and nodes have no names, and --service selects nothing: trace \
                 by --port",
                "start Docker, or set DOCKER_HOST",
            ),
            Self::Iptables => useful(
                "iptables",
                "doctor does not evaluate the packet filter rules that the missing program lists",
                "apt install iptables",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_feature_has_a_unique_name_and_a_way_to_get_it() {
        let names: BTreeSet<&str> = Id::ALL.iter().map(|id| id.name()).collect();
        assert_eq!(names.len(), Id::ALL.len());
        for id in Id::ALL {
            let plain = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(id.name().chars().all(plain), "{}", id.name());
            let json = serde_json::to_value(id).unwrap();
            assert_eq!(json, id.name(), "the name in JSON");
            for text in [id.lost(), id.get()] {
                assert!(!text.is_empty() && !text.contains("  "), "{text}");
            }
        }
    }
}
