//! Which flows are selected, and what that means in addresses and ports.
//!
//! `--service`, `--port` and `--network` are Docker's names; the kernel side
//! knows only addresses and ports. [`Wanted::compile`] turns one into the
//! other for the topology of the moment, and is called again whenever that
//! changes. What addresses cannot express (the client behind an SNAT) is decided
//! afterwards, on the finished timeline.

mod endpoints;

use crate::sys::protocol::Protocol;
use crate::topology::{Network, PublishedPort, Service, Topology, UnknownName};
use endpoints::{ANY_ADDRESS, Endpoints};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use swarmtrace_common::Endpoint;
use thiserror::Error;

/// What the user selects. Empty fields exclude nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Names or ids of services.
    pub services: Vec<String>,
    /// The port that clients dial: a published port, or a task's own port for
    /// traffic inside an overlay network.
    pub port: Option<u16>,
    /// Name or id of a network: only traffic that stays inside it.
    pub network: Option<String>,
    /// Only connections from these clients.
    pub clients: Vec<IpNet>,
}

/// What the kernel side is to report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Ports that a packet must have on one of its sides.
    pub ports: Ports,
    /// Addresses and ports that a packet must have on one of its sides; `None`
    /// accepts every address.
    pub endpoints: Option<BTreeSet<Endpoint>>,
    /// Dialled ports on whatever address: reported too, but that alone selects no
    /// flow.
    pub anywhere: BTreeSet<Endpoint>,
}

impl Filter {
    /// Every packet.
    pub fn everything() -> Self {
        Self {
            ports: Ports::Any,
            endpoints: None,
            anywhere: BTreeSet::new(),
        }
    }

    /// All that the kernel side is to match, `None` for every packet.
    pub fn kernel_endpoints(&self) -> Option<BTreeSet<Endpoint>> {
        match (&self.endpoints, &self.ports) {
            (Some(endpoints), _) => Some(endpoints.union(&self.anywhere).copied().collect()),
            (None, Ports::Any) => None,
            (None, Ports::Only(_)) => Some(self.anywhere.clone()),
        }
    }

    /// Whether packets are matched by the dialled port on whatever address: a flow
    /// is lost from sight where that port is rewritten.
    pub fn is_by_port_alone(&self) -> bool {
        self.endpoints.is_none() && matches!(self.ports, Ports::Only(_))
    }

    /// Whether a flow that was sent to `destination` is selected.
    pub fn accepts(&self, destination: SocketAddr, protocol: Protocol) -> bool {
        let (address, port) = (destination.ip(), destination.port());
        let port_fits = match &self.ports {
            Ports::Any => true,
            Ports::Only(ports) => ports.contains(&port),
        };
        let fits = |endpoints: &BTreeSet<Endpoint>| {
            endpoints.contains(&Endpoint::new(address, 0, 0))
                || endpoints.contains(&Endpoint::new(address, port, protocol.number()))
        };
        port_fits && self.endpoints.as_ref().is_none_or(fits)
    }
}

/// A set of ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// All of them.
    Any,
    /// These.
    Only(BTreeSet<u16>),
}

/// Why a selection cannot be compiled. Each is one line that says what to do.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SelectionError {
    /// `--service` or `--network` names nothing that Docker knows.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// `--port` is neither published by the service nor one of its targets.
    #[error(
        "port {port} is not published by {service} (published: {published}); for a port that is \
         only used inside an overlay network add --network NAME"
    )]
    PortNotPublished {
        /// The service or services.
        service: String,
        /// The port as given.
        port: u16,
        /// What is published.
        published: String,
    },
    /// `--network` names a network that the service is not attached to.
    #[error("service {service} is not attached to network '{network}'")]
    NotAttached {
        /// The service or services.
        service: String,
        /// The network as given.
        network: String,
    },
    /// Names were given but there is no Docker to look them up in.
    #[error(
        "--{option} needs Docker to look the name up, and no Docker answered; start it, set \
         DOCKER_HOST, or trace by --port alone"
    )]
    NoDocker {
        /// The option.
        option: &'static str,
    },
}

impl Wanted {
    /// Whether neither service nor port nor network is selected.
    pub fn names_nothing(&self) -> bool {
        self.services.is_empty() && self.port.is_none() && self.network.is_none()
    }

    /// The kernel side's filter for that topology.
    ///
    /// # Errors
    /// Errors if a name is not known, the port is not published, or the service is not
    /// on the network.
    pub fn compile(&self, topology: &Topology) -> Result<Filter, SelectionError> {
        let network = self.find_network(topology)?;
        let services = self.find_services(topology)?;
        let named = !services.is_empty();
        if let (Some(network), true) = (network, named) {
            let attached = |s: &Service| topology.networks_of(s).any(|n| n == network);
            if !services.iter().any(|s| attached(s)) {
                return Err(SelectionError::NotAttached {
                    service: names(&services),
                    network: network.name.clone(),
                });
            }
        }
        if let (Some(port), true, None) = (self.port, named, network) {
            check_port(&services, port)?;
        }
        let candidates: Vec<&Service> = if named {
            services
        } else {
            let publishes =
                |s: &&Service| self.port.is_none_or(|p| s.ports.iter().any(|q| uses(q, p)));
            topology.services.iter().filter(publishes).collect()
        };
        let mut found = Endpoints::new(topology, self.port, network);
        for service in &candidates {
            found.add_service(service);
        }
        if !named {
            if let Some(network) = network {
                found.add_network(network);
            } else if candidates.is_empty() {
                return Ok(self.any_address());
            }
        }
        Ok(found.into_filter())
    }

    /// Whether a flow's client is one of those selected. A client hidden
    /// behind an SNAT that this node did not see is judged by what it looks like.
    pub fn wants_client(&self, client: IpAddr) -> bool {
        self.clients.is_empty() || self.clients.iter().any(|net| net.contains(&client))
    }

    /// Nothing is known of the services: go by the port alone.
    fn any_address(&self) -> Filter {
        let on_any_address = |port| {
            [Protocol::Tcp, Protocol::Udp]
                .map(|protocol| Endpoint::new(ANY_ADDRESS, port, protocol.number()))
        };
        Filter {
            ports: self
                .port
                .map_or(Ports::Any, |port| Ports::Only(BTreeSet::from([port]))),
            endpoints: None,
            anywhere: self.port.into_iter().flat_map(on_any_address).collect(),
        }
    }

    fn find_services<'t>(
        &self,
        topology: &'t Topology,
    ) -> Result<Vec<&'t Service>, SelectionError> {
        if self.services.is_empty() {
            return Ok(Vec::new());
        }
        if topology.docker.is_none() {
            return Err(SelectionError::NoDocker { option: "service" });
        }
        let services = (self.services.iter()).map(|name| topology.require_service(name));
        Ok(services.collect::<Result<_, _>>()?)
    }

    fn find_network<'t>(
        &self,
        topology: &'t Topology,
    ) -> Result<Option<&'t Network>, SelectionError> {
        let Some(name) = &self.network else {
            return Ok(None);
        };
        if topology.docker.is_none() {
            return Err(SelectionError::NoDocker { option: "network" });
        }
        Ok(Some(topology.require_network(name)?))
    }
}

/// A service that publishes nothing may be dialled on any port of its virtual
/// address; one that publishes must have that port among its own.
fn check_port(services: &[&Service], port: u16) -> Result<(), SelectionError> {
    let published: Vec<&PublishedPort> = services.iter().flat_map(|s| &s.ports).collect();
    if published.is_empty() || published.iter().any(|p| uses(p, port)) {
        return Ok(());
    }
    Err(SelectionError::PortNotPublished {
        service: names(services),
        port,
        published: list(published.iter().map(|p| describe(p)).collect::<Vec<_>>()),
    })
}

fn uses(published: &PublishedPort, port: u16) -> bool {
    published.published == port || published.target == port
}

fn describe(port: &PublishedPort) -> String {
    format!("{}→{}/{}", port.published, port.target, port.protocol)
}

fn names(services: &[&Service]) -> String {
    list(services.iter().map(|s| s.name.as_str()))
}

fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: BTreeSet<String> = items.into_iter().map(|i| i.as_ref().to_owned()).collect();
    if items.is_empty() {
        return "none".to_owned();
    }
    items.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
