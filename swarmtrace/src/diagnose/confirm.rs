//! Commands that a person can paste to see for themselves.
//!
//! Names and addresses come from the topology, so that a command runs as it is
//! printed. The commands change nothing. A namespace is entered by its file; a
//! command for another node names it in a shell comment. What a container may
//! have chosen (a device's name) is quoted.

use super::case::Case;
use crate::topology::{Namespace, shell};
use std::net::IpAddr;

/// `command` in that namespace of that node.
pub fn inside(case: &Case<'_>, node: &str, namespace: &Namespace, command: &str) -> String {
    let mut line = shell::inside(namespace, command);
    if case.topology.hostname != node {
        line.push_str(&format!("  # on {}", plain(node)));
    }
    line
}

/// `command` in the namespace with that inode, if the node's topology has it.
pub fn within(case: &Case<'_>, node: &str, netns: u32, command: &str) -> Option<String> {
    let namespace = case.topology_of(node)?.namespace(netns)?;
    Some(inside(case, node, namespace, command))
}

/// `command` in the node's own namespace.
pub fn on_node(case: &Case<'_>, node: &str, command: &str) -> String {
    if case.topology.hostname == node {
        command.to_owned()
    } else {
        format!("{command}  # on {}", plain(node))
    }
}

/// `command` in the sandbox that balances this flow.
pub fn in_balancer(case: &Case<'_>, command: &str) -> Option<String> {
    let namespace = case.balancer()?;
    Some(inside(case, &case.topology.hostname, namespace, command))
}

/// `command` in the overlay namespace of the network that `address` is on.
pub fn in_overlay_of(
    case: &Case<'_>,
    node: &str,
    address: IpAddr,
    command: &str,
) -> Option<String> {
    let overlay = case.topology_of(node)?.overlay_of(address)?;
    Some(inside(case, node, overlay, command))
}

/// `text` on one line, for a comment.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
