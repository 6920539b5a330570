//! A Swarm's data path without Docker: network namespaces wired and filtered as
//! Docker does it, on the running kernel, up in under two seconds.
//!
//! An external client, two nodes with their overlay namespaces, load balancers
//! and tasks ([`plan`] says who lives where); the tasks serve. Nothing of it is
//! visible outside the test's own process, so several replicas run side by side,
//! and nothing is left when that process ends.
//!
//! Real here: the kernel with its namespaces, bridges, VXLAN, netfilter, conntrack and
//! IPVS, the servers' sockets, tcpdump, swarmtrace itself. Not real: there is no
//! Docker (its wiring is repeated here and its directory of namespace files made),
//! no resolver and no encryption; both nodes share one kernel and one clock. Where
//! the kernel has no IPVS, iptables balance in its stead ([`rules`]).

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
