//! How nodes and addresses are named on the topology screen.

use crate::output::style::FAINT;
use crate::output::table::Table;
use crate::topology::{Network, Topology};
use std::net::IpAddr;

/// Adds a row of column titles.
pub(super) fn heading<const N: usize>(table: &mut Table, titles: [&str; N]) {
    table.row(titles.map(|title| (FAINT, title.to_owned())));
}

/// The name of the node with that address, else the address.
pub(super) fn host_name(topology: &Topology, host: IpAddr) -> String {
    match topology.node_by_address(host) {
        Some(node) => topology.node_name(node),
        None => host.to_string(),
    }
}

/// Of a MAC-to-address mapping or backend: who is behind that address.
pub(super) fn who(
    topology: &Topology,
    network: Option<&Network>,
    address: IpAddr,
) -> Option<String> {
    if let Some(task) = topology.task_by_address(address) {
        return Some(task.name.clone());
    }
    let name = &network?.endpoint(address)?.name;
    (!name.is_empty()).then(|| name.clone())
}
