//! Neighbour and forwarding entries of the overlays.
//!
//! An overlay does not ask the network: for every address on another node the
//! kernel needs a MAC address (neighbour entry) and the node that it is behind
//! (forwarding entry). Docker writes both for what it learns by gossip.

mod compare;
mod findings;
mod overlay;

use crate::doctor::examined::Examined;
use crate::doctor::finding::Finding;
use overlay::Overlay;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    for (namespace, device, network) in topology.overlays() {
        let overlay = Overlay::new(topology, namespace, device, network);
        found.extend(overlay.compare());
        found.extend(overlay.balancers());
    }
    found
}
