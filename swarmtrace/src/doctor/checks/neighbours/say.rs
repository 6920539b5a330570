//! What is said of an overlay's entries that are missing or wrong.

use super::super::finding;
use super::Overlay;
use crate::doctor::swarm::command;
use crate::doctor::{Finding, Id, Place, Severity};
use crate::topology::{FdbEntry, Mac, Neighbour};
use std::net::IpAddr;

const WHY: &str = "This node cannot send to that address: connections to it stop here, and \
                   replies to it too, though the other direction arrives.";

/// What an address that is elsewhere has no entry of.
#[derive(Clone, Copy)]
pub(super) enum Lacks {
    Neighbour,
    Forward,
}

impl Lacks {
    fn id(self) -> Id {
        match self {
            Self::Neighbour => Id::NeighbourMissing,
            Self::Forward => Id::ForwardingEntryMissing,
        }
    }
}

impl Overlay<'_> {
    pub(super) fn lacks(
        &self,
        what: Lacks,
        address: IpAddr,
        name: &str,
        host: Option<IpAddr>,
    ) -> Finding {
        let name = self.name(address, name, host);
        let entry = match what {
            Lacks::Neighbour => "neighbour",
            Lacks::Forward => "forwarding",
        };
        let place = self.place_of(address, host);
        Finding {
            why: WHY.to_owned(),
            issues: match what {
                Lacks::Neighbour => &["moby#52661", "moby#35807"],
                Lacks::Forward => &["moby#52661"],
            },
            confirm: self.confirm(),
            fix: self.repair(address, None, host),
            ..finding(
                what.id(),
                Severity::Broken,
                format!("no {entry} entry for {name}"),
                place,
            )
        }
    }

    pub(super) fn wrong_node(
        &self,
        address: IpAddr,
        name: &str,
        host: IpAddr,
        entry: &FdbEntry,
    ) -> Finding {
        let name = self.name(address, name, Some(host));
        Finding {
            why: format!(
                "Packets for it are sent to {}, which does not have it.",
                self.topology.node_name_at(entry.vtep)
            ),
            issues: &["moby#35401"],
            confirm: self.confirm(),
            fix: self.repair(address, None, Some(host)),
            ..finding(
                Id::ForwardingEntryWrongNode,
                Severity::Broken,
                format!(
                    "the forwarding entry of {name} points to {} instead of {host}",
                    entry.vtep
                ),
                self.place_of(address, Some(host)),
            )
        }
    }

    pub(super) fn wrong_mac(
        &self,
        neighbour: &Neighbour,
        mac: Mac,
        name: &str,
        host: Option<IpAddr>,
    ) -> Finding {
        let address = neighbour.address;
        let name = self.name(address, name, host);
        let goes = match self.forwards_of(neighbour) {
            Some(_) => "arrives at something else and is dropped there",
            None => "is known to no node",
        };
        Finding {
            why: format!("What this node sends to it bears the wrong MAC address and {goes}."),
            issues: &["moby#52661", "moby#35401"],
            confirm: self.confirm(),
            fix: self.repair(address, Some(mac), host),
            ..finding(
                Id::NeighbourWrong,
                Severity::Broken,
                format!(
                    "the neighbour entry of {name} says {} instead of {mac}",
                    neighbour.mac.unwrap_or_default()
                ),
                self.place_of(address, host),
            )
        }
    }

    /// Docker's own forwarding entry for an address that has no name here.
    pub(super) fn without_neighbour(&self, entry: &FdbEntry) -> Finding {
        let node = self.topology.node_name_at(entry.vtep);
        let address = entry.mac.source().filter(|address| self.serves(*address));
        let who = match address {
            Some(address) => format!("{address}, behind {node}"),
            None => format!("{}, behind {node}", entry.mac),
        };
        Finding {
            why: WHY.to_owned(),
            issues: &["moby#52661"],
            confirm: self.confirm(),
            fix: match address {
                Some(address) => self.repair(address, Some(entry.mac), Some(entry.vtep)),
                None => format!("Restart dockerd on {node}, so that it is announced anew."),
            },
            ..finding(
                Id::NeighbourMissing,
                Severity::Broken,
                format!("no neighbour entry for {who}"),
                self.place().node(&node),
            )
        }
    }

    pub(super) fn place(&self) -> Place {
        Place::namespace(&self.namespace.name)
            .device(&self.device.name)
            .network(&self.network.name)
    }

    fn place_of(&self, address: IpAddr, host: Option<IpAddr>) -> Place {
        let mut place = self.place();
        if let Some(host) = host {
            place = place.node(&self.topology.node_name_at(host));
        }
        if let Some(task) = self.topology.task_by_address(address) {
            place = place.service(&task.service);
        }
        place
    }

    fn name(&self, address: IpAddr, name: &str, host: Option<IpAddr>) -> String {
        match (name, host) {
            ("" | "lb", Some(host)) => {
                let node = self.topology.node_name_at(host);
                format!("the load balancer of {node} ({address})")
            }
            ("" | "lb", None) => format!("a load balancer ({address})"),
            (name, _) => format!("{name} ({address})"),
        }
    }

    pub(super) fn confirm(&self) -> String {
        let device = &self.device.name;
        let neigh = format!("ip neigh show dev {device}");
        let fdb = format!("bridge fdb show dev {device}");
        let command = |text: &str| command(self.namespace, text);
        format!("{}; {}", command(&neigh), command(&fdb))
    }

    /// What lasts, and where MAC address and node are known what helps at once.
    fn repair(&self, address: IpAddr, mac: Option<Mac>, host: Option<IpAddr>) -> String {
        let lasting = match self.topology.task_by_address(address) {
            Some(task) => format!(
                "docker service update --force {}: its tasks are announced anew.",
                task.service
            ),
            None => "Restart dockerd on the node that has the address, so that it is announced \
                     anew."
                .to_owned(),
        };
        let known = || self.neighbours.get(&address)?.mac;
        let mac = mac.or_else(known).or_else(|| Mac::derived_from(address));
        let (Some(mac), Some(host)) = (mac, host) else {
            return lasting;
        };
        let device = &self.device.name;
        let command = |text: &str| command(self.namespace, text);
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
