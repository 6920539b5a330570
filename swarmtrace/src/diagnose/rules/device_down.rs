//! A device on the packet's way is down.
//!
//! A packet that is sent to a device which is down is dropped, and so is one that
//! arrives at a bridge which is: neither the tap behind it nor, in most cases, a
//! reason of the kernel says why.

use crate::diagnose::case::{Case, TaskActivity};
use crate::diagnose::confirm::inside;
use crate::diagnose::dialled::Dialled;
use crate::diagnose::path::holders;
use crate::diagnose::stop::Stop;
use crate::diagnose::verdict::at_stop;
use crate::failure::{DEVICE_DOWN, Diagnosis, Proof, ReadFrom};
use crate::timeline::Direction;
use crate::topology::shell::{self, quoted};
use crate::topology::{Device, DeviceKind, Namespace, Role, Topology};

pub(super) fn judge(case: &Case<'_>) -> Option<Diagnosis> {
    // The devices of a container that stops go down with it.
    if matches!(case.task_state, Some(TaskActivity::Stopped { .. })) {
        return None;
    }
    let stop = case.stop().filter(|_| case.failing())?;
    let topology = case.topology_of(&stop.hop.node)?;
    let (namespace, device) = beyond(case, topology, &stop)
        .into_iter()
        .find(|(_, d)| !d.up && d.kind != DeviceKind::Loopback)?;
    let name = quoted(&device.name);
    let says = format!("{} {} is down", namespace.name, device.name);
    let assurance = Proof::read(ReadFrom::Devices, says).proves_if(topology.gaps.is_empty());
    let show = format!("ip -br link show dev {name}");
    let repair = format!("ip link set dev {name} up");
    Some(
        at_stop(&DEVICE_DOWN, assurance, case, &stop)
            .confirm(inside(case, &stop.hop.node, namespace, &show))
            .fix(format!(
                "{} At once: {}",
                DEVICE_DOWN.fix,
                shell::inside(namespace, &repair)
            )),
    )
}

/// The devices that the packet must pass next: those it is wired to, and those
/// between it and its destination on this node.
fn beyond<'t>(
    case: &Case<'_>,
    topology: &'t Topology,
    stop: &Stop<'_>,
) -> Vec<(&'t Namespace, &'t Device)> {
    let mut all = Vec::new();
    let hop = stop.hop;
    if let Some((namespace, device)) = topology.device(hop.at()) {
        all.extend(wired(topology, namespace, device));
        let to_mesh = hop.vxlan.is_some() || case.dialled() == Dialled::Published;
        if stop.is_at(Role::Underlay, Direction::Ingress) && to_mesh {
            all.extend(behind_underlay(topology, stop));
        }
        if matches!(stop.role, Some(Role::OverlayPort)) {
            // From a port of the overlay's bridge to its VXLAN device.
            let same = |d: &&Device| d.master.is_some() && d.master == device.master;
            let tunnels = namespace
                .devices
                .iter()
                .filter(same)
                .filter(|d| is_vxlan(d));
            all.extend(tunnels.map(|d| (namespace, d)));
        }
    }
    for device in stop.expected().iter().flat_map(|e| &e.devices) {
        if let Some((namespace, device)) = topology.device(device.at) {
            all.extend(wired(topology, namespace, device));
        }
    }
    let drop = stop.drop.map(|d| d.destination.ip());
    let addresses = [Some(hop.destination.ip()), drop];
    let away = case.node_of_vtep(hop.destination.ip()).is_some();
    for address in addresses.into_iter().flatten().filter(|_| !away) {
        for (namespace, device) in holders(topology, address) {
            if namespace.inode != topology.host_namespace {
                all.extend(wired(topology, namespace, device));
            }
        }
    }
    all
}

/// A device, its other end, and the bridges that they are ports of.
fn wired<'t>(
    topology: &'t Topology,
    namespace: &'t Namespace,
    device: &'t Device,
) -> Vec<(&'t Namespace, &'t Device)> {
    let ends = std::iter::once((namespace, device)).chain(topology.peer_of(device));
    ends.flat_map(|(n, d)| {
        let bridge = topology.bridge(n.at(d));
        std::iter::once((n, d)).chain(bridge)
    })
    .collect()
}

/// What a packet that arrived at the node has before it: the VXLAN device of its
/// network with its bridge, or the bridge to the routing mesh's sandbox.
fn behind_underlay<'t>(
    topology: &'t Topology,
    stop: &Stop<'_>,
) -> Vec<(&'t Namespace, &'t Device)> {
    if let Some(vxlan) = &stop.hop.vxlan {
        return (topology.namespaces.iter())
            .flat_map(|n| n.devices.iter().map(move |d| (n, d)))
            .filter(|(_, d)| matches!(d.kind, DeviceKind::Vxlan { vni, .. } if vni == vxlan.vni))
            .flat_map(|(n, d)| wired(topology, n, d))
            .collect();
    }
    let host = topology.host().zip(topology.gateway_bridge());
    let mut all: Vec<_> = host.into_iter().collect();
    if let Some(sandbox) = topology.ingress_sandbox()
        && let Some((nic, _)) = topology.gateway_nic(sandbox)
    {
        all.extend(wired(topology, sandbox, nic));
    }
    all
}

fn is_vxlan(device: &Device) -> bool {
    matches!(device.kind, DeviceKind::Vxlan { .. })
}
