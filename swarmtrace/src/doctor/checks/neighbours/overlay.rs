//! One overlay on this node, with its tables by address and MAC.

use crate::failure::Location;
use crate::topology::{Device, FdbEntry, Mac, Namespace, Neighbour, Network, TaskState, Topology};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// One overlay on this node.
pub(super) struct Overlay<'a> {
    pub(super) topology: &'a Topology,
    pub(super) namespace: &'a Namespace,
    pub(super) device: &'a Device,
    pub(super) network: &'a Network,
    /// Neighbour entries by address.
    pub(super) neighbours: BTreeMap<IpAddr, &'a Neighbour>,
    /// Forwarding entries by MAC address.
    pub(super) forwards: BTreeMap<Mac, Vec<&'a FdbEntry>>,
}

impl<'a> Overlay<'a> {
    pub(super) fn new(
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
    pub(super) fn forwards_of(&self, neighbour: &Neighbour) -> Option<&Vec<&'a FdbEntry>> {
        self.forwards.get(&neighbour.mac?)
    }

    /// Addresses on other nodes, with a name and the node's address where known.
    pub(super) fn elsewhere(&self) -> BTreeMap<IpAddr, (String, Option<IpAddr>)> {
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
        // Tasks of Docker's store: the gossip may have lost one.
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

    pub(super) fn serves(&self, address: IpAddr) -> bool {
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
                all.extend(device.addresses.iter().map(ipnet::IpNet::addr));
            }
        }
        all
    }

    /// The VXLAN device and its network.
    pub(super) fn place(&self) -> Location {
        Location::namespace(&self.namespace.name)
            .device(&self.device.name)
            .network(&self.network.name)
    }

    /// The same, towards the node and for the task that has an address.
    pub(super) fn place_of(&self, address: IpAddr, host: Option<IpAddr>) -> Location {
        let mut place = self.place();
        if let Some(host) = host {
            place = place.node(&self.topology.node_name_at(host));
        }
        if let Some(task) = self.topology.task_by_address(address) {
            place = place.service(&task.service);
        }
        place
    }
}
