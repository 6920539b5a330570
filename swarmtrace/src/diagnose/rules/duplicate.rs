//! One address, two owners, on one overlay.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::inside;
use crate::diagnose::path::holders;
use crate::diagnose::verdict::at_hop;
use crate::diagnose::words::name;
use crate::failure::{DUPLICATE_ADDRESS, Diagnosis, Proof, ReadFrom};
use crate::timeline::Leg;
use crate::topology::shell::quoted;
use std::collections::BTreeSet;
use std::net::IpAddr;

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    if !case.failing() {
        return None;
    }
    let (index, hop, owners) = case.hops().find_map(|(i, h)| {
        let address = match h.leg {
            Leg::Forward => h.destination.ip(),
            Leg::Reply => h.source.ip(),
        };
        let owners = owners(case, address);
        (owners.names.len() > 1).then_some((i, h, owners))
    })?;
    let address = match hop.leg {
        Leg::Forward => hop.destination.ip(),
        Leg::Reply => hop.source.ip(),
    };
    let names: Vec<String> = owners.names.into_iter().collect();
    let network = (case.topology.networks.iter())
        .find(|n| n.subnets.iter().any(|s| s.contains(&address)))
        .map(|n| quoted(&n.name));
    let learnt = case.topology.overlay_of(address).map(|o| {
        let command = "bridge fdb show br br0";
        inside(case, &case.topology.hostname, o, command)
    });
    let belongs = format!("{address} belongs to {}", names.join(" and "));
    let from = match owners.by_kernel {
        true => ReadFrom::Devices,
        false => ReadFrom::Docker,
    };
    let assurance = Proof::read(from, belongs).proves_if(owners.by_kernel);
    Some(
        at_hop(&DUPLICATE_ADDRESS, assurance, case, index)
            .because(format!("the connection went by it at {}", name(case, hop)))
            .confirm_all(network.map(|n| format!("docker network inspect --verbose {n}")))
            .confirm_all(learnt),
    )
}

/// Whether more than one endpoint has that address.
pub(super) fn is_shared(case: &Case<'_>, address: IpAddr) -> bool {
    owners(case, address).names.len() > 1
}

struct Owners {
    names: BTreeSet<String>,
    by_kernel: bool,
}

/// Who has an address on one overlay: by the devices, else by what Docker says.
fn owners(case: &Case<'_>, address: IpAddr) -> Owners {
    let topology = case.topology;
    let mut wired = Vec::new();
    for (namespace, device) in holders(topology, address) {
        if let Some((other, port)) = topology.peer_of(device)
            && topology
                .overlay_of(address)
                .is_some_and(|o| o.inode == other.inode)
        {
            wired.push((port.master, namespace.name.clone(), device.name.clone()));
        }
    }
    let same = |bridge| wired.iter().filter(move |(b, ..)| *b == bridge);
    if let Some((bridge, ..)) = wired.iter().find(|(b, ..)| same(*b).count() > 1) {
        let names = same(*bridge).map(|(_, n, d)| format!("{n} {d}")).collect();
        return Owners {
            names,
            by_kernel: true,
        };
    }
    let mut names = BTreeSet::new();
    for network in &topology.networks {
        let tasks = topology.tasks.iter().filter(|t| {
            (t.addresses.iter()).any(|a| a.network == network.id && a.address == address)
        });
        let listed: BTreeSet<String> = tasks.map(|t| t.name.clone()).collect();
        if !network.id.is_empty() && listed.len() > 1 {
            names = listed;
        }
    }
    Owners {
        names,
        by_kernel: false,
    }
}
