//! The addresses and ports under which a service is reached along the path.
//!
//! A published port is dialled on every address of the node, then on the gateway
//! address of `ingress_sbox`, then on the task's ingress address, still under the
//! published port (the task's own REDIRECT comes last). Inside an overlay network
//! it is the virtual address or the task's address, under the task's own port.

use super::{Filter, Ports};
use crate::sys::protocol::Protocol;
use crate::topology::{
    Namespace, NamespaceKind, Network, PublishMode, PublishedPort, Service, Topology,
};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use swarmtrace_common::Endpoint;

/// Stands for every address.
pub(super) const ANY_ADDRESS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Collects endpoints of services and networks.
pub(super) struct Endpoints<'t> {
    topology: &'t Topology,
    port: Option<u16>,
    network: Option<&'t Network>,
    found: BTreeSet<Endpoint>,
    anywhere: BTreeSet<Endpoint>,
}

impl<'t> Endpoints<'t> {
    pub(super) fn new(
        topology: &'t Topology,
        port: Option<u16>,
        network: Option<&'t Network>,
    ) -> Self {
        Self {
            topology,
            port,
            network,
            found: BTreeSet::new(),
            anywhere: BTreeSet::new(),
        }
    }

    /// All that clients of that service, and its tasks, can be reached by.
    pub(super) fn add_service(&mut self, service: &Service) {
        let inside = self.network.is_some_and(|n| !n.ingress);
        let dialled = self.port;
        let accepts =
            |p: &&PublishedPort| dialled.is_none_or(|d| [p.published, p.target].contains(&d));
        for port in service.ports.iter().filter(accepts) {
            match port.mode {
                PublishMode::Ingress if !inside => self.add_ingress(service, port),
                PublishMode::Host if !inside => self.add_host(service, port),
                _ => {}
            }
        }
        self.add_internal(service);
    }

    /// Every address that is known on that network.
    pub(super) fn add_network(&mut self, network: &Network) {
        let tasks = self.topology.tasks.iter().flat_map(|t| &t.addresses);
        let vips = self.topology.services.iter().flat_map(|s| &s.vips);
        let addresses: Vec<IpAddr> = tasks
            .filter(|a| a.network == network.id)
            .map(|a| a.address)
            .chain(vips.filter(|v| v.network == network.id).map(|v| v.address))
            .chain(network.endpoints.iter().map(|e| e.address))
            .collect();
        for address in addresses {
            self.add_internal_address(address);
        }
    }

    pub(super) fn into_filter(self) -> Filter {
        let any_port = self.found.iter().any(|e| e.port == 0);
        Filter {
            ports: if any_port {
                Ports::Any
            } else {
                Ports::Only(self.found.iter().map(|e| e.port).collect())
            },
            endpoints: Some(self.found),
            anywhere: self.anywhere,
        }
    }

    fn add_ingress(&mut self, service: &Service, port: &PublishedPort) {
        let sandbox = |n: &&Namespace| {
            n.kind == NamespaceKind::IngressSandbox || n.inode == self.topology.host_namespace
        };
        let published: Vec<IpAddr> = self
            .topology
            .namespaces
            .iter()
            .filter(sandbox)
            .flat_map(addresses)
            .collect();
        for address in published {
            self.add(address, port.published, port.protocol);
        }
        self.add_anywhere(port.published, port.protocol);
        let topology = self.topology;
        for task in topology.tasks_of(&service.name) {
            let ingress = |id: &str| topology.network(id).is_none_or(|n| n.ingress);
            for at in task.addresses.iter().filter(|a| ingress(&a.network)) {
                self.add(at.address, port.published, port.protocol);
                self.add(at.address, port.target, port.protocol);
            }
        }
    }

    fn add_host(&mut self, service: &Service, port: &PublishedPort) {
        let topology = self.topology;
        for address in topology.host().into_iter().flat_map(addresses) {
            self.add(address, port.published, port.protocol);
        }
        for task in topology.tasks_of(&service.name) {
            let own = |n: &&Namespace| topology.task_of_namespace(n) == Some(task);
            for address in topology.namespaces.iter().filter(own).flat_map(addresses) {
                self.add(address, port.target, port.protocol);
            }
        }
    }

    fn add_internal(&mut self, service: &Service) {
        let topology = self.topology;
        let wanted = |id: &str| match self.network {
            Some(network) => network.id == id,
            None => !topology.network(id).is_some_and(|n| n.ingress),
        };
        let vips = service.vips.iter().filter(|v| wanted(&v.network));
        let tasks = topology.tasks_of(&service.name).flat_map(|t| &t.addresses);
        let found: Vec<IpAddr> = vips
            .map(|v| v.address)
            .chain(tasks.filter(|a| wanted(&a.network)).map(|a| a.address))
            .collect();
        for address in found {
            self.add_internal_address(address);
        }
    }

    fn add_internal_address(&mut self, address: IpAddr) {
        match self.port {
            Some(port) => {
                for protocol in [Protocol::Tcp, Protocol::Udp] {
                    self.add(address, port, protocol);
                    self.add_anywhere(port, protocol);
                }
            }
            None => {
                self.found.insert(Endpoint::new(address, 0, 0));
            }
        }
    }

    fn add(&mut self, address: IpAddr, port: u16, protocol: Protocol) {
        self.found
            .insert(Endpoint::new(address, port, protocol.number()));
    }

    /// IPVS chooses a task that started a moment ago before Docker's API lists it,
    /// so a dialled port is reported on every address.
    fn add_anywhere(&mut self, port: u16, protocol: Protocol) {
        self.anywhere
            .insert(Endpoint::new(ANY_ADDRESS, port, protocol.number()));
    }
}

/// Every address of a namespace but the loopback's.
fn addresses(namespace: &Namespace) -> impl Iterator<Item = IpAddr> + '_ {
    namespace
        .devices
        .iter()
        .flat_map(|d| &d.addresses)
        .map(ipnet::IpNet::addr)
        .filter(|address| !address.is_loopback())
}
