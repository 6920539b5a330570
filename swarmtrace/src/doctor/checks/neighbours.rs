//! An overlay does not ask: for every address on another node the kernel must
//! have been told a MAC address (neighbour entry) and the node it is behind
//! (forwarding entry). Docker writes both for what it hears by gossip.

mod say;

use super::finding;
use crate::doctor::{Examined, Finding, Id, Severity};
use crate::topology::{
    Device, FdbEntry, Mac, Namespace, Neighbour, NeighbourState, Network, TaskState, Topology,
};
use say::Lacks;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    for (namespace, device, network) in topology.overlays() {
        let overlay = Overlay::new(topology, namespace, device, network);
        found.extend(overlay.compare());
        found.extend(overlay.balancers());
    }
    found
}

struct Overlay<'a> {
    topology: &'a Topology,
    namespace: &'a Namespace,
    device: &'a Device,
    network: &'a Network,
    /// By address: those that Docker made.
    neighbours: BTreeMap<IpAddr, &'a Neighbour>,
    /// By MAC address.
    forwards: BTreeMap<Mac, Vec<&'a FdbEntry>>,
}

impl<'a> Overlay<'a> {
    fn new(
        topology: &'a Topology,
        namespace: &'a Namespace,
        device: &'a Device,
        network: &'a Network,
    ) -> Self {
        let mut forwards: BTreeMap<Mac, Vec<&FdbEntry>> = BTreeMap::new();
        for entry in namespace.fdb.iter().filter(|e| e.ifindex == device.ifindex) {
            forwards.entry(entry.mac).or_default().push(entry);
        }
        Self {
            topology,
            namespace,
            device,
            network,
            neighbours: (namespace.neighbours.iter())
                .filter(|n| n.ifindex == device.ifindex && n.mac.is_some())
                .map(|n| (n.address, n))
                .collect(),
            forwards,
        }
    }

    /// The forwarding entries of a neighbour's MAC address, if there are any.
    fn forwards_of(&self, neighbour: &Neighbour) -> Option<&Vec<&'a FdbEntry>> {
        self.forwards.get(&neighbour.mac?)
    }

    /// Addresses elsewhere, with a name and the node's address where known.
    fn elsewhere(&self) -> BTreeMap<IpAddr, (String, Option<IpAddr>)> {
        let here = self.here();
        let local = self.topology.local_node();
        let mut all = BTreeMap::new();
        for endpoint in &self.network.endpoints {
            let remote = endpoint
                .host
                .is_some_and(|host| local.is_some_and(|n| !n.addresses.contains(&host)));
            if remote && !here.contains(&endpoint.address) {
                all.insert(endpoint.address, (endpoint.name.clone(), endpoint.host));
            }
        }
        // The store's tasks: the gossip may have lost one.
        for task in self
            .topology
            .tasks
            .iter()
            .filter(|t| t.state == TaskState::Running)
        {
            let remote = local.is_some_and(|n| !task.node.is_empty() && n.id != task.node);
            for address in task
                .addresses
                .iter()
                .filter(|a| a.network == self.network.id)
            {
                if remote && !here.contains(&address.address) {
                    all.entry(address.address)
                        .or_insert((task.name.clone(), None));
                }
            }
        }
        // Only what this device serves: each subnet has a device of its own.
        all.retain(|address, _| self.serves(*address));
        all
    }

    fn serves(&self, address: IpAddr) -> bool {
        let bridge = self.topology.bridge(self.namespace.at(self.device));
        bridge.is_some_and(|(_, b)| b.addresses.iter().any(|a| a.contains(&address)))
    }

    /// Addresses of this node's own containers and load balancers on it.
    fn here(&self) -> BTreeSet<IpAddr> {
        let mut all = BTreeSet::new();
        for namespace in &self.topology.namespaces {
            if let Some(device) = self.topology.nic_on(namespace, self.network)
                && namespace.inode != self.namespace.inode
            {
                all.extend(device.addresses.iter().map(|a| a.addr()));
            }
        }
        all
    }

    fn compare(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let elsewhere = self.elsewhere();
        for (address, (name, host)) in &elsewhere {
            let Some(neighbour) = self.neighbours.get(address) else {
                found.push(self.lacks(Lacks::Neighbour, *address, name, *host));
                continue;
            };
            if let Some(mac) = self.mistaken(neighbour) {
                found.push(self.wrong_mac(neighbour, mac, name, *host));
                continue;
            }
            let Some(entries) = self.forwards_of(neighbour) else {
                found.push(self.lacks(Lacks::Forward, *address, name, *host));
                continue;
            };
            if let Some(host) = host
                && !entries.iter().any(|e| e.vtep == *host)
                && let Some(entry) = entries.first()
            {
                found.push(self.wrong_node(*address, name, *host, entry));
            }
        }
        // What Docker made and names nobody: other nodes' load balancers. One
        // half without the other shows what was lost.
        let named = |address: &IpAddr| elsewhere.contains_key(address);
        for (address, neighbour) in &self.neighbours {
            if neighbour.state != NeighbourState::Permanent || named(address) {
                continue;
            }
            if let Some(mac) = self.mistaken(neighbour) {
                found.push(self.wrong_mac(neighbour, mac, "", None));
            } else if self.forwards_of(neighbour).is_none() {
                found.push(self.lacks(Lacks::Forward, *address, "", None));
            }
        }
        let macs: BTreeSet<Mac> = self.neighbours.values().filter_map(|n| n.mac).collect();
        // Where a named address lacks its neighbour, its MAC is not known here;
        // Docker derives it from the address.
        let derived: BTreeSet<Mac> = elsewhere
            .keys()
            .filter_map(|a| Mac::derived_from(*a))
            .collect();
        for (mac, entries) in &self.forwards {
            let permanent = entries
                .iter()
                .find(|e| e.state == NeighbourState::Permanent);
            if let Some(entry) = permanent
                && !macs.contains(mac)
                && !derived.contains(mac)
                && !mac.is_zero()
            {
                found.push(self.without_neighbour(entry));
            }
        }
        found
    }

    /// The MAC address that a neighbour entry should have, where it has
    /// another's: that of a second address, or not the one that Docker derives
    /// and that is forwarded for nobody else. A container may have been given
    /// one of its own choice, which is neither.
    fn mistaken(&self, neighbour: &Neighbour) -> Option<Mac> {
        let derived = Mac::derived_from(neighbour.address)?;
        if neighbour.mac == Some(derived) {
            return None;
        }
        let others = || (self.neighbours.values()).filter(|n| n.address != neighbour.address);
        let shared = others().any(|n| n.mac == neighbour.mac);
        let idle = self.forwards.contains_key(&derived) && others().all(|n| n.mac != Some(derived));
        (shared || idle).then_some(derived)
    }

    /// Each node with a task on the network has a load balancer there too.
    fn balancers(&self) -> Vec<Finding> {
        if self.network.load_balancer.is_none() || self.network.dsr {
            return Vec::new();
        }
        let local = self.topology.local_node();
        let hosts: BTreeSet<IpAddr> = (self.network.endpoints.iter())
            .filter(|e| e.service.is_some() && self.serves(e.address))
            .filter_map(|e| e.host)
            .filter(|host| local.is_some_and(|n| !n.addresses.contains(host)))
            // One that the gossip names was compared already.
            .filter(|host| {
                !(self.network.endpoints.iter()).any(|e| e.name == "lb" && e.host == Some(*host))
            })
            .collect();
        let named: BTreeSet<IpAddr> = (self.network.endpoints.iter())
            .filter(|e| e.service.is_some())
            .map(|e| e.address)
            .collect();
        let behind = |host: &IpAddr| {
            let macs: BTreeSet<Mac> = (self.forwards.iter())
                .filter(|(_, entries)| entries.iter().any(|e| e.vtep == *host))
                .map(|(mac, _)| *mac)
                .collect();
            // A lone forwarding entry is a finding of its own.
            macs.iter().any(
                |mac| match self.neighbours.values().find(|n| n.mac == Some(*mac)) {
                    Some(n) => !named.contains(&n.address),
                    None => !named.iter().any(|a| Mac::derived_from(*a) == Some(*mac)),
                },
            )
        };
        // A neighbour that lost its forwarding entry may be any node's.
        let orphans = self
            .neighbours
            .iter()
            .any(|(address, n)| !named.contains(address) && self.forwards_of(n).is_none());
        (hosts.iter())
            .filter(|host| !orphans && !behind(host))
            .map(|host| {
                let node = self.topology.node_name_at(*host);
                Finding {
                    why: "Connections that come in by that node, or start on it, and are \
                          balanced to a task here get no answer: the reply has nowhere to go."
                        .to_owned(),
                    issues: &["moby#52661"],
                    confirm: self.confirm(),
                    fix: "Restart dockerd on this node, or on that one, to have its endpoints \
                          announced anew."
                        .to_owned(),
                    ..finding(
                        Id::BalancerUnknown,
                        Severity::Broken,
                        format!("the load balancer of {node} is not known here"),
                        self.place().node(&node),
                    )
                }
            })
            .collect()
    }
}
