//! swarmtrace's test beds and the kernel's own account of what happened in them.
//!
//! Two beds carry traffic: [`replica`], a Swarm's data path in network
//! namespaces of the running kernel, up in under two seconds, and [`swarm`], a
//! real Docker Swarm in a VM. [`truth`] asks the
//! kernel, without any eBPF, what each packet met; a test holds swarmtrace's
//! answer against it. Everything here panics with a message when the bed itself
//! fails: a test that cannot run is a failed test, never a skipped one.

pub mod binary;
pub mod bystander;
pub mod delay;
pub mod executed;
pub mod hooks;
pub mod matrix;
pub mod namespace;
pub mod patience;
pub mod process;
pub mod replica;
pub mod scenarios;
pub mod swarm;
pub mod trace;
pub mod traffic;
pub mod truth;
