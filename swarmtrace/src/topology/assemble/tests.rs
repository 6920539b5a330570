//! Snapshots of real Swarms, from both halves and from one.

use super::*;
use crate::topology::docker::interpret;
use crate::topology::fixtures::{self, topology};
use crate::topology::{DeviceRef, Namespace};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn named<'a>(topology: &'a Topology, name: &str) -> &'a Namespace {
    let mut all = topology.namespaces.iter();
    all.find(|n| n.name == name)
        .unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn every_namespace_is_told_apart() {
    let topology = topology("swarm/a");
    assert_eq!(topology.gaps, Vec::<String>::new());
    assert_eq!(topology.host().unwrap().name, "host");
    let overlay = topology
        .networks
        .iter()
        .find(|n| n.name == "overlay1")
        .unwrap();
    let network = Some(overlay.id.clone());
    let kind = |name| named(&topology, name).kind.clone();
    assert_eq!(kind("ingress_sbox"), NamespaceKind::IngressSandbox);
    assert_eq!(
        kind("lb_qookufxbb"),
        NamespaceKind::LoadBalancer {
            network: network.clone()
        }
    );
    assert_eq!(kind("1-qookufxbbm"), NamespaceKind::Overlay { network });
    let vote = named(&topology, "vote.a");
    assert_eq!(topology.task_of_namespace(vote).unwrap().service, "vote");
}

#[test]
fn a_path_can_be_followed_device_by_device() {
    let topology = topology("swarm/a");
    let at = |namespace: &str, device: &str| {
        let namespace = named(&topology, namespace);
        let device = namespace.devices.iter().find(|d| d.name == device).unwrap();
        namespace.at(device)
    };
    let sandbox = at("ingress_sbox", "eth0");
    let port = topology.peer(sandbox).unwrap();
    assert_eq!(port, at("1-f0l1ik19u8", "veth0"));
    assert_eq!(topology.peer(port), Some(sandbox));
    assert_eq!(topology.vni(sandbox), Some(4096));
    assert_eq!(topology.vni(at("1-f0l1ik19u8", "br0")), Some(4096));
    assert!(topology.network_of_device(sandbox).unwrap().ingress);
    let (_, bridge) = topology.bridge(at("ingress_sbox", "eth1")).unwrap();
    assert_eq!(bridge.name, "docker_gwbridge");
    assert_eq!(topology.vni(at("host", "eth0")), None);
    assert_eq!(topology.peer(at("host", "eth0")), None, "outside");
    let nowhere = DeviceRef {
        namespace: 1,
        ifindex: 1,
    };
    assert_eq!(topology.vni(nowhere), None);
}

#[test]
fn the_other_nodes_load_balancer_is_named() {
    let topology = topology("swarm/a");
    let overlay = topology
        .networks
        .iter()
        .find(|n| n.name == "overlay1")
        .unwrap();
    let endpoint = |address| overlay.endpoint(ip(address)).unwrap();
    assert_eq!(endpoint("10.0.1.6").name, "lb");
    assert_eq!(endpoint("10.0.1.6").host, Some(ip("192.168.90.2")));
    assert_eq!(endpoint("10.0.1.5").name, "lb");
    assert_eq!(endpoint("10.0.1.5").host, Some(ip("192.168.90.1")));
    assert_eq!(endpoint("10.0.1.4").name, "vote.b");
    assert_eq!(topology.nodes.len(), 2);
}

#[test]
fn of_two_nameless_addresses_none_is_the_load_balancer() {
    let mut kernel = fixtures::kernel("swarm/a");
    let overlay = kernel
        .namespaces
        .iter_mut()
        .find(|n| n.name == "1-qookufxbbm");
    let overlay = overlay.unwrap();
    let mut gone = overlay.neighbours[0].clone();
    gone.address = ip("10.0.1.99");
    overlay.neighbours.push(gone);
    let topology = assemble(kernel, Some(&interpret(&fixtures::answers("swarm/a"))));
    let network = topology.network_by_vni(4097).unwrap();
    for address in ["10.0.1.6", "10.0.1.99"] {
        assert_eq!(network.endpoint(ip(address)).unwrap().name, "");
    }
}

#[test]
fn marks_by_backends_where_docker_did_not_say() {
    let mut answers = fixtures::answers("swarm/a");
    let said = topology("swarm/a").services;
    for network in &mut answers.networks {
        for service in network.services.values_mut() {
            service.local_lb_index = 0;
        }
    }
    let found = assemble(fixtures::kernel("swarm/a"), Some(&interpret(&answers)));
    for (said, found) in said.iter().zip(&found.services) {
        let sorted = |marks: &[Fwmark]| {
            let mut marks = marks.to_vec();
            marks.sort_by_key(|m| m.mark);
            marks
        };
        assert_eq!(
            sorted(&said.fwmarks),
            sorted(&found.fwmarks),
            "{}",
            said.name
        );
    }
    let (vote, network) = found.service_by_fwmark(0x101).unwrap();
    assert_eq!(vote.name, "vote");
    assert!(found.network(network).unwrap().ingress);
}

#[test]
fn a_worker() {
    let topology = topology("swarm/b");
    assert_eq!(topology.docker.as_ref().unwrap().data_path_port, 4789);
    assert_eq!(named(&topology, "vote.b").devices.len(), 4);
    let (vote, _) = topology.service_by_fwmark(0x100).unwrap();
    assert_eq!(vote.name, "vote", "on the manager it is another mark");
    assert_eq!(topology.published(8080).count(), 1);
}

#[test]
fn without_docker_what_the_kernel_knows() {
    let topology = fixtures::topology_without_docker("swarm/a");
    assert!(topology.docker.is_none());
    let ingress = topology.network_by_vni(4096).unwrap();
    assert!(ingress.ingress);
    assert_eq!(ingress.subnets, ["10.0.0.0/24".parse().unwrap()]);
    assert_eq!(ingress.load_balancer, Some(ip("10.0.0.2")));
    let container = NamespaceKind::Container {
        container: String::new(),
        task: None,
    };
    assert_eq!(named(&topology, "8ce9af88d95a").kind, container);
    assert_eq!(topology.nodes.len(), 1, "the VTEP of the other node");
}

#[test]
fn host_mode() {
    let topology = topology("host-mode/a");
    assert_eq!(topology.gaps, Vec::<String>::new());
    let names: Vec<_> = topology
        .namespaces
        .iter()
        .map(|n| n.name.as_str())
        .collect();
    assert_eq!(names.iter().filter(|n| n.starts_with("1-")).count(), 0);
    let lb = named(&topology, "lb_vnc40nx48");
    assert_eq!(topology.vni(lb.at(&lb.devices[1])), Some(4097));
    assert!(matches!(
        &lb.kind,
        NamespaceKind::LoadBalancer { network: Some(_) }
    ));
    assert!(
        topology
            .networks
            .iter()
            .all(|n| !n.name.starts_with("vni-"))
    );
}

#[test]
fn a_container_without_a_namespace_is_a_gap() {
    let mut kernel = fixtures::kernel("swarm/a");
    kernel.namespaces.retain(|n| n.name != "8ce9af88d95a");
    let view = interpret(&fixtures::answers("swarm/a"));
    let topology = assemble(kernel, Some(&view));
    assert_eq!(topology.gaps.len(), 1);
    assert!(topology.gaps[0].contains("vote."), "{:?}", topology.gaps);
}

#[test]
fn a_snapshot_survives_json() {
    let topology = topology("swarm/a");
    let json = serde_json::to_string(&topology).unwrap();
    assert_eq!(serde_json::from_str::<Topology>(&json).unwrap(), topology);
}
