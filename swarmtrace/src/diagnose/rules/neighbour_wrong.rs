//! A frame that is sent to another's MAC address.
//!
//! The sender's neighbour entry, or the overlay's from which it was answered,
//! has a MAC that is not the destination's. The bridge floods the frame, or the
//! VXLAN device does not know where to send it; whoever gets it drops it.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::inside;
use crate::diagnose::path::holders;
use crate::diagnose::questions::neighbour_mac;
use crate::diagnose::verdict::at_hop;
use crate::diagnose::words::seen;
use crate::failure::{Diagnosis, NEIGHBOUR_WRONG, Proof, ReadFrom};
use crate::timeline::{Direction, Hop};
use crate::topology::shell::{self, quoted};
use crate::topology::{Mac, Namespace, Role, Topology};
use std::net::IpAddr;

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.stop().filter(|_| case.failing())?;
    let sent =
        |h: &Hop| (h.leg, h.phase) == (stop.hop.leg, stop.hop.phase) && h.way == Direction::Egress;
    let (index, hop, wrong) = (case.hops().filter(|(_, h)| sent(h)))
        .find_map(|(index, hop)| Some((index, hop, wrong_entry(case, hop)?)))?;
    let Wrong {
        table,
        address,
        has,
        right,
        known,
    } = wrong;
    let says = format!(
        "{}'s neighbour entry for {address} has {has}; the address' own MAC is {right}",
        table.name
    );
    let list = inside(case, &hop.node, table, &format!("ip neigh show {address}"));
    let device =
        match (table.devices.iter()).find(|d| d.addresses.iter().any(|a| a.contains(&address))) {
            Some(device) => quoted(&device.name),
            None => "vxlan0".to_owned(),
        };
    let repair = format!("ip neigh replace {address} lladdr {right} dev {device} nud permanent");
    Some(
        at_hop(
            &NEIGHBOUR_WRONG,
            Proof::read(ReadFrom::Neighbours, says).proves_if(known),
            case,
            index,
        )
        .because(format!("sent by it: {}", seen(case, hop)))
        .confirm(list)
        .fix(format!(
            "{} At once: {}",
            NEIGHBOUR_WRONG.fix,
            shell::inside(table, &repair)
        )),
    )
}

/// An entry with another MAC than its address has.
struct Wrong<'a> {
    table: &'a Namespace,
    address: IpAddr,
    has: Mac,
    right: Mac,
    /// Whether the right one was read, not derived.
    known: bool,
}

/// The wrong entry by which a packet was sent onto an overlay.
fn wrong_entry<'a>(case: &Case<'a>, hop: &Hop) -> Option<Wrong<'a>> {
    let onto_overlay = matches!(
        case.role(hop)?,
        Role::IngressOverlay | Role::LoadBalancer | Role::TaskOverlay
    );
    let topology = case.topology_of(&hop.node).filter(|_| onto_overlay)?;
    let sender = topology.namespace(hop.netns)?;
    let address = hop.destination.ip();
    let has = neighbour_mac(sender, address)?;
    let overlay = topology.overlay_of(address)?;
    let answered = neighbour_mac(overlay, address);
    let own = own_macs(case, topology, address);
    if own.contains(&has) {
        return None;
    }
    let (right, known) = match own.first() {
        Some(mac) => (*mac, true),
        None => {
            // What Docker wrote, unless that is not what it derives.
            let derived = Mac::derived_from(address)?;
            (derived, answered == Some(derived))
        }
    };
    if has == right {
        return None;
    }
    let table = if answered == Some(has) {
        overlay
    } else {
        sender
    };
    Some(Wrong {
        table,
        address,
        has,
        right,
        known,
    })
}

/// The MACs of the devices that have that address on an overlay, on the nodes whose
/// topology is known.
fn own_macs(case: &Case<'_>, topology: &Topology, address: IpAddr) -> Vec<Mac> {
    let nodes = std::iter::once(topology).chain(case.others);
    nodes
        .filter_map(|node| Some((node, node.overlay_of(address)?)))
        .flat_map(|(node, overlay)| {
            holders(node, address)
                .filter(|(_, d)| {
                    node.peer_of(d)
                        .is_some_and(|(n, _)| n.inode == overlay.inode)
                })
                .filter_map(|(_, d)| d.mac)
        })
        .collect()
}
