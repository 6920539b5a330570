//! A real Docker Swarm of two nodes in QEMU, restored from a saved state in
//! seconds, for tests and for trying things out.
//!
//! Real here: the kernel (one of Debian's, booted), dockerd in Swarm mode with its
//! IPVS, VXLAN and iptables rules, the services and their tasks. Not real: the
//! machines (both nodes are namespaces of one VM, with one clock, unless the layout
//! is two VMs) and the wire between them (a bridge).
//!
//! ```no_run
//! use swarm_vm::{Config, Node, Vm};
//!
//! # fn main() -> anyhow::Result<()> {
//! let mut vm = Vm::up(&Config::default())?;
//! let out = vm.exec(Node::A, &["docker", "node", "ls"])?;
//! println!("{}", out.checked()?);
//! vm.restore()?; // the state that `up` found
//! # Ok(())
//! # }
//! ```
//!
//! The disk is built from Debian packages (`image`), the Swarm is formed once and
//! its memory and disk are saved (`snapshot`); each later [`Vm::up`] restores
//! them. Commands run through an agent inside ([`agent`], `guest/vmtool`). [`mod@bench`]
//! measures what watching costs the Swarm under load.

mod accelerator;
pub mod agent;
mod apt;
pub mod bench;
pub mod cli;
mod config;
mod cpio;
mod deb;
mod files;
mod folders;
mod guest;
mod image;
pub mod interrupt;
pub mod lock;
mod machines;
mod modules;
mod process;
mod qcow2;
mod qemu;
mod qmp;
mod role;
mod services;
mod snapshot;
pub mod spread;
mod state;
pub mod step;
mod swarm;
mod vm;

pub use agent::{Output, Running};
pub use config::{Config, Debian, Kernel, Layout, Node};
pub use vm::{EXEC_LIMIT, Vm};
