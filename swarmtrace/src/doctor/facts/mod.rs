//! The facts that the checks need beyond the topology, read from the kernel.
//!
//! Everything is read and nothing is written. A fact that could not be read is
//! absent, and a [`Gap`] records it: checks skip what is absent, and the report lists
//! what they therefore did not examine.

mod modules;
mod nic;
mod route;
mod sockets;
mod sysctl;
mod xfrm;

pub use modules::Modules;
pub use nic::Nic;
pub use route::Route;
pub use sockets::Listener;
pub use xfrm::{Association, Xfrm};

use super::need::Need;
use crate::firewall::{Backend, Family, Firewall, Programs, Unread};
use crate::sys::netns::Netns;
use crate::topology::{Namespace, NamespaceKind, Topology};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Facts of this node.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// By [`Namespace::inode`].
    pub namespaces: BTreeMap<u32, NamespaceFacts>,
    /// Kernel modules.
    pub modules: Option<Modules>,
    /// Sockets in the node's own namespace.
    pub listeners: Option<Vec<Listener>>,
    /// The route to each other node's data path.
    pub routes: Vec<Route>,
    /// Network cards that carry the overlays.
    pub nics: Vec<Nic>,
    /// IPsec's tables; read only if an overlay is encrypted.
    pub xfrm: Option<Xfrm>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// Facts of one namespace.
#[derive(Clone, Debug, Default)]
pub struct NamespaceFacts {
    /// Settings by their name with dots.
    pub sysctls: BTreeMap<String, String>,
    /// The packet filters' rules; none if iptables' could not be read.
    pub rules: Option<Firewall>,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Gap {
    /// What checks need it for.
    pub need: Need,
    /// Its namespace, if it is in one.
    pub namespace: Option<String>,
    /// Why.
    pub why: String,
}

impl Facts {
    /// Reads the facts of this node. Blocks for some milliseconds per namespace.
    pub fn read(topology: &Topology) -> Self {
        let mut facts = Self::default();
        match modules::read() {
            Ok(modules) => facts.modules = Some(modules),
            Err(error) => facts.gap(Need::Modules, None, format!("/proc/modules: {error}")),
        }
        // If modules are not known, it is tried.
        let modules = facts.modules.as_ref();
        let programs = Programs::find(modules.is_none_or(|m| m.has("nf_tables") != Some(false)));
        for namespace in topology.namespaces.iter().filter(|n| wanted(topology, n)) {
            facts.read_namespace(namespace, &programs);
        }
        if let Some(host) = topology.host() {
            facts.read_host(topology, host);
        }
        facts
    }

    fn read_namespace(&mut self, namespace: &Namespace, programs: &Programs) {
        let name = Some(namespace.name.as_str());
        let devices: Vec<&str> = namespace.devices.iter().map(|d| d.name.as_str()).collect();
        let read = Netns::open(&namespace.path)
            .and_then(|n| n.run(|| (sysctl::read(&devices), programs.read())));
        let (sysctls, rules) = match read {
            Ok(read) => read,
            Err(error) => {
                for need in [Need::Rules, Need::Sysctls] {
                    self.gap(need, name, error.to_string());
                }
                return;
            }
        };
        for unread in &rules.unread {
            self.gap(Need::Rules, name, unread.to_string());
        }
        let iptables = |u: &Unread| u.what != Backend::Native && u.family == Family::Ip;
        let complete = !rules.unread.iter().any(iptables);
        let (sysctls, gaps) = sysctls;
        for why in gaps {
            self.gap(Need::Sysctls, name, why);
        }
        let facts = NamespaceFacts {
            sysctls,
            rules: complete.then_some(rules),
        };
        self.namespaces.insert(namespace.inode, facts);
    }

    fn read_host(&mut self, topology: &Topology, host: &Namespace) {
        let remote: Vec<IpAddr> = vteps(topology);
        let encrypted = topology.networks.iter().any(|n| n.encrypted);
        let read = Netns::open(&host.path).and_then(|n| {
            n.run(|| {
                let routes: Vec<_> = remote.iter().map(|to| (*to, route::to(*to))).collect();
                (sockets::read(), routes, encrypted.then(xfrm::read))
            })
        });
        let (listeners, routes, xfrm) = match read {
            Ok(read) => read,
            Err(error) => {
                for need in [Need::Sockets, Need::Routes, Need::Encryption] {
                    self.gap(need, Some("host"), error.to_string());
                }
                return;
            }
        };
        match listeners {
            Ok(listeners) => self.listeners = Some(listeners),
            Err(error) => self.gap(Need::Sockets, None, error.to_string()),
        }
        for (to, route) in routes {
            match route {
                Ok(source) => self.routes.push(Route { to, source }),
                Err(error) => self.gap(Need::Routes, None, format!("route to {to}: {error}")),
            }
        }
        match xfrm {
            Some(Ok(xfrm)) => self.xfrm = Some(xfrm),
            Some(Err(error)) => self.gap(Need::Encryption, None, error.to_string()),
            None => {}
        }
        if let Some(uplink) = topology.uplink() {
            match nic::read(&uplink.name) {
                Ok(nics) => self.nics = nics,
                Err(error) => {
                    self.gap(Need::Nics, None, format!("{}: {error}", uplink.name));
                }
            }
        }
    }

    fn gap(&mut self, need: Need, namespace: Option<&str>, why: String) {
        self.gaps.push(Gap {
            need,
            namespace: namespace.map(str::to_owned),
            why,
        });
    }
}

/// Whether Docker puts rules or settings in a namespace.
fn wanted(topology: &Topology, namespace: &Namespace) -> bool {
    match &namespace.kind {
        NamespaceKind::Host
        | NamespaceKind::IngressSandbox
        | NamespaceKind::LoadBalancer { .. } => true,
        NamespaceKind::Container { task, .. } => {
            task.is_some() && topology.ingress_address(namespace).is_some()
        }
        NamespaceKind::Overlay { .. } | NamespaceKind::Other => false,
    }
}

/// Data-path addresses of the other nodes.
fn vteps(topology: &Topology) -> Vec<IpAddr> {
    let gossip = (topology.networks.iter()).flat_map(|n| n.endpoints.iter().filter_map(|e| e.host));
    let kernel = topology
        .namespaces
        .iter()
        .flat_map(|n| n.fdb.iter().map(|e| e.vtep));
    let mut all: Vec<IpAddr> = (gossip.chain(kernel))
        .filter(|a| !a.is_unspecified() && !a.is_multicast())
        .filter(|a| topology.node_by_address(*a).is_none_or(|n| !n.local))
        .collect();
    all.sort();
    all.dedup();
    all
}
