//! A part of a snapshot: some services, some networks, and what is theirs.

use super::{DeviceKind, IpvsMatch, NamespaceKind, Network, Service, Topology, UnknownName};
use std::collections::BTreeSet;

/// The part of a snapshot to keep; empty keeps everything.
#[derive(Clone, Debug, Default)]
pub struct Excerpt {
    /// Services by name or id, with the networks they are on.
    pub services: Vec<String>,
    /// Networks by name or id, with the services on them.
    pub networks: Vec<String>,
}

impl Topology {
    /// Keeps the wanted part. The node's own namespace always stays, and so do nodes
    /// and gaps.
    ///
    /// # Errors
    /// Errors if a wanted name is not known.
    pub fn excerpt(mut self, wanted: &Excerpt) -> Result<Self, UnknownName> {
        if wanted.services.is_empty() && wanted.networks.is_empty() {
            return Ok(self);
        }
        let mut services = BTreeSet::new();
        for name in &wanted.services {
            let service = self.require_service(name)?;
            services.insert(service.name.clone());
        }
        let mut networks = BTreeSet::new();
        for name in &wanted.networks {
            let network = self.require_network(name)?;
            networks.insert(key(network));
        }
        if wanted.services.is_empty() {
            let on = |s: &&Service| self.networks_of(s).any(|n| networks.contains(&key(n)));
            services = (self.services.iter().filter(on))
                .map(|s| s.name.clone())
                .collect();
        } else if wanted.networks.is_empty() {
            networks = (self.services.iter())
                .filter(|s| services.contains(&s.name))
                .flat_map(|s| self.networks_of(s))
                .map(key)
                .collect();
        }

        let namespaces: BTreeSet<u32> = (self.namespaces.iter())
            .filter(|namespace| {
                let attached = || {
                    (namespace.devices.iter())
                        .filter_map(|d| self.network_of_device(namespace.at(d)))
                        .any(|n| networks.contains(&key(n)))
                };
                match &namespace.kind {
                    NamespaceKind::Host => true,
                    NamespaceKind::Other => false,
                    NamespaceKind::Container { task: Some(_), .. } => {
                        let task = self.task_of_namespace(namespace);
                        task.is_some_and(|t| services.contains(&t.service))
                    }
                    // One that is not known to be a service's may be anyone's.
                    NamespaceKind::Container { task: None, .. } => {
                        wanted.services.is_empty() && attached()
                    }
                    _ => attached(),
                }
            })
            .map(|n| n.inode)
            .collect();
        for namespace in &mut self.namespaces {
            // IPVS' view of other services; what nobody knows stays.
            namespace.ipvs.retain(|entry| {
                let IpvsMatch::Fwmark(mark) = entry.matches else {
                    return true;
                };
                let owner = |s: &&Service| s.fwmarks.iter().any(|m| m.mark == mark);
                let owner = self.services.iter().find(owner);
                owner.is_none_or(|owner| services.contains(&owner.name))
            });
            // Devices that lead only to what is not shown.
            namespace.devices.retain(|device| match device.kind {
                DeviceKind::Veth { peer: Some(peer) } => namespaces.contains(&peer.namespace),
                _ => true,
            });
        }
        self.namespaces.retain(|n| namespaces.contains(&n.inode));
        self.networks.retain(|n| networks.contains(&key(n)));
        self.services.retain(|s| services.contains(&s.name));
        self.tasks.retain(|t| services.contains(&t.service));
        Ok(self)
    }
}

/// Identity of a network: an id where Docker gave one, else its VNIs.
fn key(network: &Network) -> (String, Vec<u32>) {
    (network.id.clone(), network.vnis.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::fixtures;

    fn selected(services: &[&str], networks: &[&str]) -> Result<Topology, UnknownName> {
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        fixtures::topology("swarm/a").excerpt(&Excerpt {
            services: names(services),
            networks: names(networks),
        })
    }

    fn select(services: &[&str], networks: &[&str]) -> Result<Vec<String>, UnknownName> {
        let topology = selected(services, networks)?;
        Ok(topology.namespaces.into_iter().map(|n| n.name).collect())
    }

    #[test]
    fn a_service_and_its_networks() {
        let overlay = ["host", "1-qookufxbbm", "client.1", "lb_qookufxbb"];
        assert_eq!(select(&["client"], &[]).unwrap(), overlay);
        assert_eq!(select(&["vote"], &[]).unwrap().len(), 6);
    }

    #[test]
    fn what_leads_elsewhere_is_left_out() {
        let topology = selected(&["client"], &[]).unwrap();
        let lb = topology
            .namespaces
            .iter()
            .find(|n| n.name == "lb_qookufxbb");
        assert_eq!(lb.unwrap().ipvs.len(), 1);
        let host = topology.host().unwrap().devices.iter();
        let names: Vec<_> = host.map(|d| d.name.as_str()).collect();
        let expected = ["lo", "eth0", "docker0", "docker_gwbridge", "vethdf4c7ff"];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_network_and_its_services() {
        let mesh = ["host", "1-f0l1ik19u8", "vote.a", "ingress_sbox"];
        assert_eq!(select(&[], &["ingress"]).unwrap(), mesh);
    }

    #[test]
    fn a_service_on_one_of_its_networks() {
        let names = select(&["vote"], &["overlay1"]).unwrap();
        assert_eq!(names, ["host", "1-qookufxbbm", "vote.a", "lb_qookufxbb"]);
    }

    #[test]
    fn an_unknown_name_says_what_there_is() {
        let error = select(&["voet"], &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no service 'voet' is known on this node; there are: client, vote"
        );
    }
}
