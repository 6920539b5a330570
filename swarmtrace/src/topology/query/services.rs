//! What services consist of: networks, load balancers, backends, ports.

use crate::topology::{
    Namespace, NamespaceKind, Network, PublishMode, PublishedPort, Service, Task, TaskState,
    Topology,
};
use std::collections::BTreeSet;
use std::net::IpAddr;

impl Topology {
    /// `ingress_sbox`: the routing mesh's load balancer.
    pub fn ingress_sandbox(&self) -> Option<&Namespace> {
        (self.namespaces.iter()).find(|n| n.kind == NamespaceKind::IngressSandbox)
    }

    /// The routing mesh's network.
    pub fn ingress_network(&self) -> Option<&Network> {
        self.networks.iter().find(|n| n.ingress)
    }

    /// Every load balancer's namespace with its network, `ingress_sbox` included.
    pub fn load_balancers(&self) -> impl Iterator<Item = (&Namespace, &Network)> {
        self.namespaces.iter().filter_map(|n| match &n.kind {
            NamespaceKind::IngressSandbox => Some((n, self.ingress_network()?)),
            NamespaceKind::LoadBalancer { network } => Some((n, self.network(network.as_ref()?)?)),
            _ => None,
        })
    }

    /// The tasks of a service.
    pub fn tasks_of<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Task> {
        self.tasks.iter().filter(move |t| t.service == service)
    }

    /// The running tasks of a service, each with its addresses on a network
    /// ([`Network::id`]).
    pub fn backends<'a>(
        &'a self,
        service: &'a str,
        network: &'a str,
    ) -> impl Iterator<Item = (&'a Task, IpAddr)> {
        (self.tasks_of(service))
            .filter(|t| t.state == TaskState::Running)
            .flat_map(move |t| {
                let here = t.addresses.iter().filter(move |a| a.network == network);
                here.map(move |a| (t, a.address))
            })
    }

    /// The ports that the routing mesh must serve: of services with running tasks.
    pub fn mesh_ports(&self) -> Vec<(&Service, &PublishedPort)> {
        let Some(ingress) = self.ingress_network() else {
            return Vec::new();
        };
        (self.services.iter())
            .filter(|s| self.backends(&s.name, &ingress.id).next().is_some())
            .flat_map(|s| s.ports.iter().map(move |p| (s, p)))
            .filter(|(_, p)| p.mode == PublishMode::Ingress && p.published != 0)
            .collect()
    }

    /// The networks a service is on: by its virtual addresses, its tasks and
    /// its published ports.
    pub fn networks_of<'a>(&'a self, service: &'a Service) -> impl Iterator<Item = &'a Network> {
        let mesh = service.ports.iter().any(|p| p.mode == PublishMode::Ingress);
        let ids: BTreeSet<&str> = (service.vips.iter().map(|v| v.network.as_str()))
            .chain(
                (self.tasks_of(&service.name))
                    .flat_map(|t| t.addresses.iter().map(|a| a.network.as_str())),
            )
            .collect();
        (self.networks.iter()).filter(move |n| ids.contains(n.id.as_str()) || (mesh && n.ingress))
    }
}
