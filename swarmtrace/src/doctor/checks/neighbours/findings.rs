//! Findings about an overlay's entries that are missing or wrong.

use super::overlay::Overlay;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm::command;
use crate::failure::{
    FDB_MISSING, FDB_WRONG_NODE, Failure, NEIGHBOUR_MISSING, NEIGHBOUR_MISSING_RETURN,
    NEIGHBOUR_WRONG, ReadFrom,
};
use crate::topology::{Endpoint, FdbEntry, Mac, Neighbour};
use std::net::IpAddr;

const WHY: &str = "This node cannot send to that address: connections to it stop here, and \
                   replies to it too, though the other direction arrives.";

/// An entry that an address on another node needs.
#[derive(Clone, Copy)]
pub(super) enum Entry {
    /// The address's MAC.
    Neighbour,
    /// The node behind which the MAC is.
    Forwarding,
}

impl Overlay<'_> {
    /// That the entry of an address is missing. The gossip names load balancers
    /// `lb` or not at all; a packet is only ever sent to one in answer.
    pub(super) fn missing(
        &self,
        entry: Entry,
        address: IpAddr,
        name: &str,
        host: Option<IpAddr>,
    ) -> Finding {
        let (failure, kind): (&Failure, _) = match (entry, name) {
            (Entry::Neighbour, "" | Endpoint::LOAD_BALANCER) => {
                (&NEIGHBOUR_MISSING_RETURN, "neighbour")
            }
            (Entry::Neighbour, _) => (&NEIGHBOUR_MISSING, "neighbour"),
            (Entry::Forwarding, _) => (&FDB_MISSING, "forwarding"),
        };
        let name = self.name(address, name, host);
        let place = self.place_of(address, host);
        Finding::proven(
            failure,
            Severity::Broken,
            ReadFrom::Neighbours,
            format!("no {kind} entry for {name}"),
            place,
        )
        .why(WHY)
        .confirm_all(self.confirm())
        .fix(self.repair(address, None, host))
    }

    /// That the forwarding entry of an address leads to another node than `host`.
    pub(super) fn wrong_node(
        &self,
        address: IpAddr,
        name: &str,
        host: IpAddr,
        entry: &FdbEntry,
    ) -> Finding {
        let name = self.name(address, name, Some(host));
        Finding::proven(
            &FDB_WRONG_NODE,
            Severity::Broken,
            ReadFrom::Neighbours,
            format!(
                "the forwarding entry of {name} points to {} instead of {host}",
                entry.vtep
            ),
            self.place_of(address, Some(host)),
        )
        .why(format!(
            "Packets for it are sent to {}, which does not have it.",
            self.topology.node_name_at(entry.vtep)
        ))
        .confirm_all(self.confirm())
        .fix(self.repair(address, None, Some(host)))
    }

    /// That the neighbour entry of an address should have `mac`.
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
        Finding::likely(
            &NEIGHBOUR_WRONG,
            Severity::Broken,
            format!(
                "the neighbour entry of {name} says {} instead of {mac}",
                neighbour.mac.unwrap_or_default()
            ),
            self.place_of(address, host),
        )
        .why(format!(
            "What this node sends to it has the wrong MAC address and {goes}."
        ))
        .confirm_all(self.confirm())
        .fix(self.repair(address, Some(mac), host))
    }

    /// A forwarding entry that Docker made, of a MAC that no neighbour entry has:
    /// that of another node's load balancer.
    pub(super) fn without_neighbour(&self, entry: &FdbEntry) -> Finding {
        let node = self.topology.node_name_at(entry.vtep);
        let address = entry.mac.source().filter(|address| self.serves(*address));
        let who = match address {
            Some(address) => format!("{address}, behind {node}"),
            None => format!("{}, behind {node}", entry.mac),
        };
        Finding::proven(
            &NEIGHBOUR_MISSING_RETURN,
            Severity::Broken,
            ReadFrom::Neighbours,
            format!("no neighbour entry for {who}"),
            self.place().node(&node),
        )
        .why(WHY)
        .confirm_all(self.confirm())
        .fix(match address {
            Some(address) => self.repair(address, Some(entry.mac), Some(entry.vtep)),
            None => format!("Restart dockerd on {node}, so that it is announced again."),
        })
    }

    /// The endpoint with that address, for people.
    fn name(&self, address: IpAddr, name: &str, host: Option<IpAddr>) -> String {
        match (name, host) {
            ("" | Endpoint::LOAD_BALANCER, Some(host)) => {
                let node = self.topology.node_name_at(host);
                format!("the load balancer of {node} ({address})")
            }
            ("" | Endpoint::LOAD_BALANCER, None) => format!("a load balancer ({address})"),
            (name, _) => format!("{name} ({address})"),
        }
    }

    pub(super) fn confirm(&self) -> [String; 2] {
        let device = &self.device.name;
        let neighbours = format!("ip neigh show dev {device}");
        let forwards = format!("bridge fdb show dev {device}");
        [neighbours, forwards].map(|text| command(self.namespace, &text))
    }

    /// The lasting repair, and commands that help at once where MAC address and
    /// node are known.
    fn repair(&self, address: IpAddr, mac: Option<Mac>, host: Option<IpAddr>) -> String {
        let lasting = match self.topology.task_by_address(address) {
            Some(task) => format!(
                "docker service update --force {}: its tasks are announced again.",
                task.service
            ),
            None => "Restart dockerd on the node that has the address, so that it is announced \
                     again."
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
