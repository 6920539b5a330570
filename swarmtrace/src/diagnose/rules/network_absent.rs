//! VXLAN datagrams for a network that the receiving node does not have.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::on_node;
use crate::diagnose::questions::refused_by_vxlan;
use crate::diagnose::verdict::{at_hop, at_stop};
use crate::diagnose::words::name;
use crate::failure::{Assurance, Diagnosis, OVERLAY_NETWORK_ABSENT, Proof, ReadFrom};
use crate::timeline::Direction;
use crate::topology::Role;
use crate::topology::shell::quoted;
use crate::topology::{DeviceKind, NamespaceKind, Topology};

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    // A node that was sent to by mistake need not have the network.
    if super::fdb::wrong_node(case).is_some() {
        return None;
    }
    if let Some((index, hop, 3, 3)) = case.icmp_birth() {
        let underlay = case.role(hop) == Some(Role::Underlay);
        let peer = hop.icmp.as_ref().map(|i| i.from)?;
        let sent_to = case
            .hops()
            .find_map(|(_, h)| h.vxlan.as_ref().filter(|v| v.to == peer));
        let vxlan = sent_to.filter(|_| underlay)?;
        let line = format!(
            "{peer} answers VXLAN with port unreachable, at {}",
            name(case, hop)
        );
        let node = vxlan
            .to_node
            .as_deref()
            .map_or_else(|| peer.to_string(), str::to_owned);
        let verdict = at_hop(&OVERLAY_NETWORK_ABSENT, Assurance::Likely, case, index).because(line);
        return Some(confirmed(case, verdict, &node, vxlan.vni));
    }
    let stop = case
        .stop()
        .filter(|s| s.is_at(Role::Underlay, Direction::Ingress))?;
    let vxlan = stop.hop.vxlan.as_ref()?;
    let node = &stop.hop.node;
    let reported = stop.drop.is_some_and(|d| {
        let on_host = case.drop_place(d) == Some(&NamespaceKind::Host);
        d.is(&["VXLAN_VNI_NOT_FOUND"]) || (on_host && d.is(&["NO_SOCKET"]))
    });
    // A drop in vxlan_rcv by a kernel that gives no reasons fits, and proves as
    // much as a silence that was watched.
    let stopped = match stop.drop {
        Some(drop) => refused_by_vxlan(drop),
        None => case.complete(),
    };
    let absent = stopped
        && case
            .topology_of(node)
            .is_some_and(|t| t.gaps.is_empty() && !has_vni(t, vxlan.vni));
    if !reported && !absent {
        return None;
    }
    let named = stop.drop.is_some_and(|d| d.is(&["VXLAN_VNI_NOT_FOUND"]));
    let read = if absent {
        let says = format!(
            "{node} has no VXLAN device with VNI {} that is up",
            vxlan.vni
        );
        Some(Proof::read(ReadFrom::Devices, says))
    } else {
        let says = format!("the kernel of {node} found no VXLAN device for the packet");
        named.then(|| Proof::read(ReadFrom::KernelReport, says))
    };
    let verdict = at_stop(&OVERLAY_NETWORK_ABSENT, read, case, &stop);
    Some(confirmed(case, verdict, node, vxlan.vni))
}

fn confirmed(case: &Case<'_>, verdict: Diagnosis, node: &str, vni: u32) -> Diagnosis {
    let port = case
        .topology
        .docker
        .as_ref()
        .map_or(4789, |d| d.data_path_port);
    let port = if port == 0 { 4789 } else { port };
    let network = case
        .topology
        .network_by_vni(vni)
        .filter(|n| !n.name.is_empty());
    let inspect = network.map(|n| {
        let name = quoted(&n.name);
        on_node(case, node, &format!("docker network inspect {name}"))
    });
    verdict
        .confirm(on_node(case, node, &format!("ss -lunp 'sport = :{port}'")))
        .confirm_all(inspect)
}

fn has_vni(topology: &Topology, vni: u32) -> bool {
    (topology.namespaces.iter().flat_map(|n| &n.devices))
        .any(|d| d.up && matches!(d.kind, DeviceKind::Vxlan { vni: v, .. } if v == vni))
}
