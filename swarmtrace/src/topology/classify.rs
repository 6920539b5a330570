//! What each namespace is for.
//!
//! Docker says which are its containers'. The others are judged by what they
//! contain: a bridge with a VXLAN device is an overlay's, IPVS services and a
//! veth into an overlay make a load balancer, with one into `docker_gwbridge` the
//! routing mesh's. The file's name helps where a namespace is still empty:
//! Docker creates it before it fills it.
//!
//! Relied on: moby, libnetwork: `ingress_sbox` and `lb_<9 of the network's id>`
//! (controller.go), `<epoch>-<10 of the network's id>` (`osl/namespace_linux.go`
//! `GenerateKey`).

use super::docker::Container;
use super::role::is_gateway;
use super::{DeviceKind, DeviceRef, IpvsMatch, Namespace, NamespaceKind, Network, Topology};

/// Decides for every namespace but the host's, and names them for people.
pub(super) fn classify(topology: &mut Topology, containers: &[Container]) {
    let decided: Vec<_> = (topology.namespaces.iter())
        .map(|namespace| match namespace.kind {
            NamespaceKind::Host => (NamespaceKind::Host, "host".to_owned()),
            _ => decide(topology, namespace, containers),
        })
        .collect();
    for (namespace, (kind, name)) in topology.namespaces.iter_mut().zip(decided) {
        namespace.kind = kind;
        namespace.name = name;
    }
}

fn decide(
    topology: &Topology,
    namespace: &Namespace,
    containers: &[Container],
) -> (NamespaceKind, String) {
    let file = file_name(namespace);
    if let Some(container) = containers.iter().find(|c| is_of(namespace, c)) {
        let task =
            (container.task.as_ref()).and_then(|id| topology.tasks.iter().find(|t| &t.id == id));
        let kind = NamespaceKind::Container {
            container: container.id.clone(),
            task: container.task.clone(),
        };
        let name = task.map_or(&container.name, |t| &t.name);
        return (kind, name.clone());
    }
    let network = || attached(topology, namespace).next();
    let id = |network: Option<&Network>| {
        let id = network.map(|n| n.id.clone());
        id.filter(|id| !id.is_empty())
    };
    let vxlan = |kind: &DeviceKind| matches!(kind, DeviceKind::Vxlan { .. });
    let kind = if namespace.devices.iter().any(|d| vxlan(&d.kind)) || overlay_file(&file).is_some()
    {
        let by_name = || {
            let prefix = overlay_file(&file)?;
            topology.networks.iter().find(|n| n.id.starts_with(prefix))
        };
        NamespaceKind::Overlay {
            network: id(network().or_else(by_name)),
        }
    } else if file == "ingress_sbox" {
        NamespaceKind::IngressSandbox
    } else if let Some(prefix) = file.strip_prefix("lb_") {
        let by_name =
            || (topology.networks.iter()).find(|n| !prefix.is_empty() && n.id.starts_with(prefix));
        NamespaceKind::LoadBalancer {
            network: id(network().or_else(by_name)),
        }
    } else if balances(namespace) {
        match has_gateway(topology, namespace) {
            true => NamespaceKind::IngressSandbox,
            false => NamespaceKind::LoadBalancer {
                network: id(network()),
            },
        }
    } else if network().is_some() || has_gateway(topology, namespace) {
        NamespaceKind::Container {
            container: String::new(),
            task: None,
        }
    } else {
        NamespaceKind::Other
    };
    (kind, file)
}

pub(super) fn file_name(namespace: &Namespace) -> String {
    let name = namespace.path.file_name();
    name.map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Whether it is that container's: Docker's file for it, wherever `/var/run`
/// points to, or its process'.
pub(super) fn is_of(namespace: &Namespace, container: &Container) -> bool {
    if namespace.path.starts_with("/proc") {
        return container.pid != 0 && namespace.path == container.namespace_of_process();
    }
    !container.sandbox.as_os_str().is_empty()
        && namespace.path.file_name() == container.sandbox.file_name()
}

/// `1-f0l1ik19u8`: the start of the network's id. The number counts how often
/// the namespace was created again.
fn overlay_file(name: &str) -> Option<&str> {
    let (epoch, id) = name.split_once('-')?;
    let digits = !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit());
    (digits && !id.is_empty()).then_some(id)
}

fn at(namespace: &Namespace, ifindex: u32) -> DeviceRef {
    DeviceRef {
        namespace: namespace.inode,
        ifindex,
    }
}

/// The overlays that its devices are part of.
fn attached<'a>(
    topology: &'a Topology,
    namespace: &'a Namespace,
) -> impl Iterator<Item = &'a Network> {
    (namespace.devices.iter()).filter_map(|d| topology.network_of_device(at(namespace, d.ifindex)))
}

fn has_gateway(topology: &Topology, namespace: &Namespace) -> bool {
    namespace.devices.iter().any(|device| {
        let bridge = topology.bridge(at(namespace, device.ifindex));
        bridge.is_some_and(|(host, bridge)| {
            host.kind == NamespaceKind::Host && is_gateway(topology, host, bridge)
        })
    })
}

fn balances(namespace: &Namespace) -> bool {
    (namespace.ipvs.iter()).any(|s| matches!(s.matches, IpvsMatch::Fwmark(_)))
}
