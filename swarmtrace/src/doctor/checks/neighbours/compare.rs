//! The tables of an overlay against the endpoints on other nodes.

use super::findings::Entry;
use super::overlay::Overlay;
use crate::doctor::finding::{Finding, Severity};
use crate::failure::NEIGHBOUR_MISSING_RETURN;
use crate::topology::{Mac, Neighbour, NeighbourState};
use std::collections::BTreeSet;
use std::net::IpAddr;

impl Overlay<'_> {
    pub(super) fn compare(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let elsewhere = self.elsewhere();
        for (address, (name, host)) in &elsewhere {
            let Some(neighbour) = self.neighbours.get(address) else {
                found.push(self.missing(Entry::Neighbour, *address, name, *host));
                continue;
            };
            if let Some(mac) = self.mistaken(neighbour) {
                found.push(self.wrong_mac(neighbour, mac, name, *host));
                continue;
            }
            let Some(entries) = self.forwards_of(neighbour) else {
                found.push(self.missing(Entry::Forwarding, *address, name, *host));
                continue;
            };
            if let Some(host) = host
                && !entries.iter().any(|e| e.vtep == *host)
                && let Some(entry) = entries.first()
            {
                found.push(self.wrong_node(*address, name, *host, entry));
            }
        }
        // Entries that Docker made for an unnamed endpoint: another node's load
        // balancer. One entry without the other shows which is missing.
        let named = |address: &IpAddr| elsewhere.contains_key(address);
        for (address, neighbour) in &self.neighbours {
            if neighbour.state != NeighbourState::Permanent || named(address) {
                continue;
            }
            if let Some(mac) = self.mistaken(neighbour) {
                found.push(self.wrong_mac(neighbour, mac, "", None));
            } else if self.forwards_of(neighbour).is_none() {
                found.push(self.missing(Entry::Forwarding, *address, "", None));
            }
        }
        let macs: BTreeSet<Mac> = self.neighbours.values().filter_map(|n| n.mac).collect();
        // Where the neighbour entry of a named address is missing, its MAC is
        // not known here; Docker derives it from the address.
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

    /// The MAC address that a neighbour entry should have, if it has a wrong one:
    /// it has another entry's MAC, or the MAC that Docker derives from the
    /// address is forwarded and no entry has it. A container whose MAC the user
    /// chose is neither.
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
    pub(super) fn balancers(&self) -> Vec<Finding> {
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
                !(self.network.endpoints.iter())
                    .any(|e| e.is_load_balancer() && e.host == Some(*host))
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
                Finding::likely(
                    &NEIGHBOUR_MISSING_RETURN,
                    Severity::Broken,
                    format!("the load balancer of {node} is not known here"),
                    self.place().node(&node),
                )
                .why(
                    "Connections that come in by that node, or start on it, and are \
                          balanced to a task here get no answer: the reply has nowhere to go.",
                )
                .confirm_all(self.confirm())
                .fix(
                    "Restart dockerd on this node, or on that one, to have its endpoints \
                     announced again.",
                )
            })
            .collect()
    }
}
