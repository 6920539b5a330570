//! An overlay does not ask: for every address on another node the kernel must
//! have been told a MAC address (neighbour entry) and the node it is behind
//! (forwarding entry). Docker writes both for what it hears by gossip.

use super::finding;
use crate::doctor::swarm::{self, command};
use crate::doctor::{Examined, Finding, Place, Severity};
use crate::topology::{Device, FdbEntry, Namespace, Neighbour, Network, Topology};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

const WHY: &str = "This node cannot send to that address: connections to it stop here, and \
                   replies to it too, though the other direction arrives.";

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    for (namespace, device, network) in swarm::overlays(topology) {
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
    forwards: BTreeMap<&'a str, Vec<&'a FdbEntry>>,
}

/// What is known of one address that is elsewhere.
#[derive(Clone, Copy)]
enum Lacks {
    Neighbour,
    Forward,
}

impl<'a> Overlay<'a> {
    fn new(
        topology: &'a Topology,
        namespace: &'a Namespace,
        device: &'a Device,
        network: &'a Network,
    ) -> Self {
        let mut forwards: BTreeMap<&str, Vec<&FdbEntry>> = BTreeMap::new();
        for entry in namespace.fdb.iter().filter(|e| e.ifindex == device.ifindex) {
            forwards.entry(&entry.mac).or_default().push(entry);
        }
        Self {
            topology,
            namespace,
            device,
            network,
            neighbours: (namespace.neighbours.iter())
                .filter(|n| n.ifindex == device.ifindex && !n.mac.is_empty())
                .map(|n| (n.address, n))
                .collect(),
            forwards,
        }
    }

    /// Addresses elsewhere, with a name and the node's address where known.
    fn elsewhere(&self) -> BTreeMap<IpAddr, (String, Option<IpAddr>)> {
        let here = self.here();
        let local = swarm::local_node(self.topology);
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
        for task in self.topology.tasks.iter().filter(|t| t.state == "running") {
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
            if let Some(device) = swarm::port_on(self.topology, namespace, self.network)
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
            let Some(entries) = self.forwards.get(neighbour.mac.as_str()) else {
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
            if neighbour.state == "permanent"
                && !named(address)
                && !self.forwards.contains_key(neighbour.mac.as_str())
            {
                found.push(self.lacks(Lacks::Forward, *address, "", None));
            }
        }
        let macs: BTreeSet<&str> = self.neighbours.values().map(|n| n.mac.as_str()).collect();
        // Where a named address lacks its neighbour, its MAC is not known here;
        // Docker derives it from the address.
        let derived: BTreeSet<String> = elsewhere.keys().filter_map(|a| mac_of(*a)).collect();
        for (mac, entries) in &self.forwards {
            let permanent = entries.iter().find(|e| e.state == "permanent");
            if let Some(entry) = permanent
                && !macs.contains(mac)
                && !derived.contains(*mac)
                && !mac.starts_with("00:00:00:00")
            {
                found.push(self.without_neighbour(entry));
            }
        }
        found
    }

    /// Each node with a task on the network has a load balancer there too.
    fn balancers(&self) -> Vec<Finding> {
        if self.network.load_balancer.is_none() || self.network.dsr {
            return Vec::new();
        }
        let local = swarm::local_node(self.topology);
        let hosts: BTreeSet<IpAddr> = (self.network.endpoints.iter())
            .filter(|e| e.service.is_some() && self.serves(e.address))
            .filter_map(|e| e.host)
            .filter(|host| local.is_some_and(|n| !n.addresses.contains(host)))
            .collect();
        let named: BTreeSet<IpAddr> = (self.network.endpoints.iter())
            .filter(|e| e.service.is_some())
            .map(|e| e.address)
            .collect();
        let behind = |host: &IpAddr| {
            let macs: BTreeSet<&str> = (self.forwards.iter())
                .filter(|(_, entries)| entries.iter().any(|e| e.vtep == *host))
                .map(|(mac, _)| *mac)
                .collect();
            // A lone forwarding entry is a finding of its own.
            macs.iter().any(
                |mac| match self.neighbours.values().find(|n| n.mac == **mac) {
                    Some(n) => !named.contains(&n.address),
                    None => !named.iter().any(|a| mac_of(*a).as_deref() == Some(*mac)),
                },
            )
        };
        // A neighbour that lost its forwarding entry may be any node's.
        let orphans = self.neighbours.iter().any(|(address, n)| {
            !named.contains(address) && !self.forwards.contains_key(n.mac.as_str())
        });
        (hosts.iter())
            .filter(|host| !orphans && !behind(host))
            .map(|host| {
                let node = swarm::node_of(self.topology, *host);
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
                        Severity::Broken,
                        format!("the load balancer of {node} is not known here"),
                        self.place().node(&node),
                    )
                }
            })
            .collect()
    }

    fn lacks(&self, what: Lacks, address: IpAddr, name: &str, host: Option<IpAddr>) -> Finding {
        let name = match name {
            "" | "lb" => format!("a load balancer ({address})"),
            name => format!("{name} ({address})"),
        };
        let entry = match what {
            Lacks::Neighbour => "neighbour",
            Lacks::Forward => "forwarding",
        };
        let place = match host {
            Some(host) => self.place().node(&swarm::node_of(self.topology, host)),
            None => self.place(),
        };
        let place = match self.topology.task_by_address(address) {
            Some(task) => place.service(&task.service),
            None => place,
        };
        Finding {
            why: WHY.to_owned(),
            issues: match what {
                Lacks::Neighbour => &["moby#52661", "moby#35807"],
                Lacks::Forward => &["moby#52661"],
            },
            confirm: self.confirm(),
            fix: self.repair(address, host),
            ..finding(
                Severity::Broken,
                format!("no {entry} entry for {name}"),
                place,
            )
        }
    }

    fn wrong_node(&self, address: IpAddr, name: &str, host: IpAddr, entry: &FdbEntry) -> Finding {
        let node = swarm::node_of(self.topology, host);
        let place = self.place().node(&node);
        Finding {
            why: format!(
                "Packets for it are sent to {}, which does not have it.",
                swarm::node_of(self.topology, entry.vtep)
            ),
            issues: &["moby#35401"],
            confirm: self.confirm(),
            fix: self.repair(address, Some(host)),
            ..finding(
                Severity::Broken,
                format!(
                    "the forwarding entry of {name} ({address}) points to {} instead of {host}",
                    entry.vtep
                ),
                match self.topology.task_by_address(address) {
                    Some(task) => place.service(&task.service),
                    None => place,
                },
            )
        }
    }

    fn without_neighbour(&self, entry: &FdbEntry) -> Finding {
        let node = swarm::node_of(self.topology, entry.vtep);
        let who = match ip_of(&entry.mac) {
            Some(address) if self.serves(address) => format!("{address}, behind {node}"),
            _ => format!("{}, behind {node}", entry.mac),
        };
        Finding {
            why: WHY.to_owned(),
            issues: &["moby#52661"],
            confirm: self.confirm(),
            fix: "Restart dockerd on this node, or on that one, to have its endpoints announced \
                  anew."
                .to_owned(),
            ..finding(
                Severity::Broken,
                format!("no neighbour entry for {who}"),
                self.place().node(&node),
            )
        }
    }

    fn place(&self) -> Place {
        Place::namespace(&self.namespace.name)
            .device(&self.device.name)
            .network(&self.network.name)
    }

    fn confirm(&self) -> String {
        let device = &self.device.name;
        let neigh = format!("ip neigh show dev {device}");
        let fdb = format!("bridge fdb show dev {device}");
        let command = |text: &str| command(self.topology, self.namespace, text);
        format!("{}; {}", command(&neigh), command(&fdb))
    }

    /// For Docker up to 28 the MAC address follows from the address.
    fn repair(&self, address: IpAddr, host: Option<IpAddr>) -> String {
        let known = self.neighbours.get(&address).map(|n| n.mac.clone());
        let lasting = "Restart the task (docker service update --force) or dockerd on its node, \
                       so that it is announced anew.";
        let (Some(mac), Some(host)) = (known.or_else(|| mac_of(address)), host) else {
            return lasting.to_owned();
        };
        let device = &self.device.name;
        let command = |text: &str| command(self.topology, self.namespace, text);
        format!(
            "{lasting} At once: {}; {}",
            command(&format!(
                "ip neigh replace {address} lladdr {mac} dev {device} nud permanent"
            )),
            command(&format!(
                "bridge fdb replace {mac} dev {device} dst {host} self permanent"
            ))
        )
    }
}

/// `10.0.0.6` → `02:42:0a:00:00:06`, as Docker's overlay driver makes them
/// (libnetwork, netutils.GenerateMACFromIP).
fn mac_of(address: IpAddr) -> Option<String> {
    let IpAddr::V4(address) = address else {
        return None;
    };
    let [a, b, c, d] = address.octets();
    Some(format!("02:42:{a:02x}:{b:02x}:{c:02x}:{d:02x}"))
}

fn ip_of(mac: &str) -> Option<IpAddr> {
    let bytes: Vec<u8> = (mac.strip_prefix("02:42:")?.split(':'))
        .map(|b| u8::from_str_radix(b, 16).ok())
        .collect::<Option<_>>()?;
    Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?))
}
