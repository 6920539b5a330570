//! A Swarm's data path without Docker: network namespaces wired and filtered as
//! Docker wires and filters them, on the running kernel, up in under two seconds.
//!
//! An external client, two nodes with their overlay namespaces, load balancers
//! and tasks ([`plan`] says who lives where); the tasks serve. Nothing of it is
//! visible outside the test's own process, so several replicas run side by side,
//! and nothing is left when that process ends.
//!
//! Left out: Docker itself, the resolver, encryption. IPVS where the kernel has
//! none ([`rules`] says what stands in).

pub mod hooks;
mod listener;
mod node;
pub mod plan;
mod replica;
pub mod rules;
pub mod trace;

pub use listener::Listener;
pub use node::Node;
pub use plan::{Sandbox, Side};
pub use replica::Replica;
pub use rules::Balancer;
