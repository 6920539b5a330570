//! VXLAN datagrams that come from another address than the receiver expects.
//!
//! A node with several addresses may send VXLAN from one that is not the
//! data-path address it advertised. The receiver's forwarding table then has a
//! permanent entry for the sender's MAC behind another VTEP, and its VXLAN
//! device discards the packet.

use crate::diagnose::case::Case;
use crate::diagnose::confirm::{in_overlay_of, on_node};
use crate::diagnose::questions::refused_by_vxlan;
use crate::diagnose::verdict::at_stop;
use crate::diagnose::words::seen;
use crate::failure::{Diagnosis, Proof, ReadFrom, SOURCE_VTEP_MISMATCH};
use crate::timeline::Direction;
use crate::topology::Role;

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    let stop = case.stop()?;
    let hop = stop.hop;
    let vxlan = hop
        .vxlan
        .as_ref()
        .filter(|_| stop.role == Some(Role::Underlay))?;
    let source = hop.source.ip();
    let (assurance, incoming) = if hop.way == Direction::Ingress {
        let topology = case.topology_of(&hop.node);
        let overlay = topology.and_then(|t| t.overlay_of(source));
        let known = overlay.and_then(|o| case.vtep_of(o, source));
        let other = known.filter(|vtep| *vtep != vxlan.from);
        let reported = stop.drop.is_some_and(|d| d.is(&["VXLAN_ENTRY_EXISTS"]));
        let unexplained = stop.drop.is_none_or(refused_by_vxlan);
        if !reported && (other.is_none() || !unexplained) {
            return None;
        }
        let assurance = match other {
            Some(vtep) => {
                let says = format!("{source} came from {}, its table says {vtep}", vxlan.from);
                Proof::read(ReadFrom::ForwardingTable, says).proves_if(stop.proven())
            }
            // The drop's reason says just that.
            None => {
                let says = format!(
                    "the kernel has a permanent entry for {source} behind another node than {}",
                    vxlan.from
                );
                Proof::read(ReadFrom::KernelReport, says).into()
            }
        };
        (assurance, true)
    } else {
        let advertised = advertised(case, source)?;
        if advertised == vxlan.from {
            return None;
        }
        let says = format!(
            "sent from {}, but Docker says {source} is at {advertised}",
            vxlan.from
        );
        (Proof::read(ReadFrom::Docker, says).proves_if(false), false)
    };
    let sender = vxlan
        .from_node
        .as_deref()
        .unwrap_or(&case.topology.hostname);
    let route = format!("ip route get {}", vxlan.to);
    let table = in_overlay_of(case, &hop.node, source, "bridge fdb show dev vxlan0");
    Some(
        at_stop(&SOURCE_VTEP_MISMATCH, assurance, case, &stop)
            .because_of((!incoming).then(|| seen(case, hop)))
            .confirm(on_node(case, sender, &route))
            .confirm(on_node(
                case,
                sender,
                "docker info --format '{{.Swarm.NodeAddr}}'",
            ))
            .confirm_all(table),
    )
}

/// The data-path address that Docker's gossip has for the node of an address.
fn advertised(case: &Case<'_>, address: std::net::IpAddr) -> Option<std::net::IpAddr> {
    (case.topology.networks.iter().flat_map(|n| &n.endpoints))
        .find(|e| e.address == address)
        .and_then(|e| e.host)
}
