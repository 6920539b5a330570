//! The words of the VM: which node, which kernel, which layout, and what to
//! bring up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::role::Role;

/// Where a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// The manager, `node-a`, 192.168.90.1.
    A,
    /// The worker, `node-b`, 192.168.90.2.
    B,
    /// Outside of both nodes, as the external client 192.168.90.254. With one
    /// VM that is the VM's root namespace, from where both nodes can be seen.
    Vm,
}

impl Node {
    /// `a`, `b` or `vm`.
    pub fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::Vm => "vm",
        }
    }

    /// Its address on the wire.
    pub fn address(self) -> &'static str {
        match self {
            Self::A => "192.168.90.1",
            Self::B => "192.168.90.2",
            Self::Vm => "192.168.90.254",
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "node-a",
            Self::B => "node-b",
            Self::Vm => "vm",
        })
    }
}

impl FromStr for Node {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "a" | "node-a" => Ok(Self::A),
            "b" | "node-b" => Ok(Self::B),
            "vm" => Ok(Self::Vm),
            _ => Err("a node is a, b (or node-a, node-b) or vm".to_owned()),
        }
    }
}

/// A series of Debian's cloud kernels; the newest of it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum Kernel {
    /// Debian 11's: the oldest that swarmtrace supports. No drop reasons, no
    /// type information of modules.
    #[value(name = "5.10")]
    V5_10,
    /// Debian 12's own: clsact, no tcx.
    #[default]
    #[value(name = "6.1")]
    V6_1,
    /// Debian 13's own: tcx, more drop reasons.
    #[value(name = "6.12")]
    V6_12,
    /// The newest that Debian 13's backports have.
    #[value(name = "newest")]
    Newest,
}

impl Kernel {
    /// Every one, the oldest first.
    pub const ALL: [Self; 4] = [Self::V5_10, Self::V6_1, Self::V6_12, Self::Newest];

    /// As it is chosen: `6.1`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V5_10 => "5.10",
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
            Self::Newest => "newest",
        }
    }

    /// How the names of its packages begin.
    pub(super) fn package_prefix(self) -> &'static str {
        match self {
            Self::V5_10 => "linux-image-5.10.",
            Self::V6_1 => "linux-image-6.1.",
            Self::V6_12 => "linux-image-6.12.",
            Self::Newest => "linux-image-",
        }
    }

    /// Debian's suites that have it.
    pub(super) fn suites(self) -> &'static [&'static str] {
        match self {
            Self::V5_10 => &["bullseye", "bullseye-security"],
            Self::V6_1 => &["bookworm", "bookworm-security"],
            Self::V6_12 => &["bookworm-backports", "trixie"],
            Self::Newest => &["trixie-backports"],
        }
    }
}

/// The Debian whose Docker, iptables and tools the nodes have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum Debian {
    /// Docker 20.10.
    #[default]
    #[value(name = "12")]
    Bookworm,
    /// Docker 26.1.
    #[value(name = "13")]
    Trixie,
    /// The one that is to be Debian 14, Docker 28.5 and whatever comes until then.
    #[value(name = "forky", alias = "14")]
    Forky,
    /// Two in one Swarm: node-a has forky's, node-b has 12's.
    #[value(name = "mixed")]
    Mixed,
}

impl Debian {
    /// Its name among Debian's suites.
    pub(super) fn codename(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
            Self::Forky | Self::Mixed => "forky",
        }
    }

    /// The one that node-b has instead.
    pub(super) fn of_node_b(self) -> Option<Self> {
        match self {
            Self::Mixed => Some(Self::Bookworm),
            Self::Bookworm | Self::Trixie | Self::Forky => None,
        }
    }

    /// What it has apart that others have in one package.
    pub(super) fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Bookworm => &[],
            Self::Trixie | Self::Forky | Self::Mixed => &["docker-cli"],
        }
    }

    /// As it is chosen: `12`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bookworm => "12",
            Self::Trixie => "13",
            Self::Forky => "forky",
            Self::Mixed => "mixed",
        }
    }
}

/// How the nodes are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// Both nodes in one VM, under one kernel, as namespaces.
    #[default]
    OneVm,
    /// A VM, a kernel and a clock for each node.
    TwoVms,
}

impl Layout {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OneVm => "one-vm",
            Self::TwoVms => "two-vms",
        }
    }

    pub(super) fn roles(self) -> &'static [Role] {
        match self {
            Self::OneVm => &[Role::Both],
            Self::TwoVms => &[Role::A, Role::B],
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneVm => "two nodes in one VM",
            Self::TwoVms => "two nodes in two VMs",
        })
    }
}

/// What [`Vm::up`](super::Vm::up) is to bring up.
#[derive(Clone, Debug)]
pub struct Config {
    /// One VM or two.
    pub layout: Layout,
    /// Which kernel.
    pub kernel: Kernel,
    /// Which Debian's Docker.
    pub debian: Debian,
    /// Build the disk and the Swarm anew even if saved ones would do.
    /// Packages that are downloaded already and still current are kept.
    pub cold: bool,
    /// Swarms of different names run side by side; `cargo xtask vm` uses
    /// `default`. Use another name in tests, so as not to disturb that one.
    pub name: String,
    /// Whether dropping the [`Vm`](super::Vm) ends the VM.
    pub stop_on_drop: bool,
}

impl Default for Config {
    /// One VM, kernel 6.1, Debian 12, the Swarm of `cargo xtask vm`, which stays up.
    fn default() -> Self {
        Self {
            layout: Layout::default(),
            kernel: Kernel::default(),
            debian: Debian::default(),
            cold: false,
            name: "default".to_owned(),
            stop_on_drop: false,
        }
    }
}
