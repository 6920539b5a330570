//! What checks say about the Swarm's parts.

use crate::firewall::Packet;
use crate::topology::{Namespace, PublishedPort, Topology, shell};

/// `command` for root, in a namespace.
pub fn command(namespace: &Namespace, command: &str) -> String {
    format!("sudo {}", shell::inside(namespace, command))
}

/// A client's packet to a published port, as the node's card takes it in.
pub fn from_client(topology: &Topology, port: &PublishedPort) -> Option<Packet> {
    Some(Packet {
        input: Some(topology.uplink()?.name.clone()),
        destination: Some(topology.own_address()?.into()),
        destination_local: true,
        protocol: port.protocol.into(),
        destination_port: Some(port.published),
        ..Packet::default()
    })
}
