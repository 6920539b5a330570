//! The screen of real Swarms, and its marks where things do not fit.

use super::text::render;
use crate::output::style::plain;
use crate::topology::{DeviceKind, IpvsMatch, Namespace, Topology, fixtures};

fn screen(topology: &Topology) -> String {
    plain(&render(topology))
}

/// Compares with a file of the fixtures; `UPDATE=1` writes it instead.
fn compare(node: &str) {
    let file = fixtures::node(node).join("topology.txt");
    let screen = screen(&fixtures::topology(node));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &screen).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap();
    assert!(screen == expected, "{}\n{screen}", file.display());
}

#[test]
fn a_manager() {
    compare("swarm/a");
}

#[test]
fn a_worker() {
    compare("swarm/b");
}

#[test]
fn host_mode() {
    compare("host-mode/a");
}

/// The manager's snapshot with something broken in one of its namespaces.
fn broken(name: &str, damage: impl FnOnce(&mut Namespace)) -> String {
    let mut topology = fixtures::topology("swarm/a");
    let mut all = topology.namespaces.iter_mut();
    damage(all.find(|n| n.name == name).unwrap());
    screen(&topology)
}

#[test]
fn what_does_not_fit_is_marked() {
    let whole = screen(&fixtures::topology("swarm/a"));
    assert!(!whole.contains('!'), "{whole}");

    let text = broken("1-f0l1ik19u8", |n| n.fdb.clear());
    assert!(text.contains("! no forwarding entry"), "{text}");
    let text = broken("1-f0l1ik19u8", |n| n.neighbours.clear());
    assert!(text.contains("! no neighbour entry"), "{text}");
    let text = broken("ingress_sbox", |n| n.ipvs.clear());
    assert!(text.contains("! fwmark 0x101 is not in IPVS"), "{text}");
    let text = broken("ingress_sbox", |n| n.ipvs[0].destinations[0].weight = 0);
    assert!(text.contains("! weight 0"), "{text}");
    let text = broken("ingress_sbox", |n| {
        n.ipvs[0].destinations[0].address = "10.0.0.99".parse().unwrap();
    });
    assert!(text.contains("! no task of vote"), "{text}");
    assert!(text.contains("! not in IPVS"), "{text}");
    let text = broken("lb_qookufxbb", |n| {
        n.ipvs[0].matches = IpvsMatch::Fwmark(0x999);
    });
    assert!(text.contains("! no service known"), "{text}");
    let text = broken("ingress_sbox", |n| {
        n.devices.retain(|d| d.name != "eth1");
    });
    assert!(text.contains("! not attached to docker_gwbridge"), "{text}");
}

#[test]
fn a_device_that_is_down_is_seen() {
    let text = broken("host", |n| {
        let nic = n.devices.iter_mut().find(|d| d.name == "eth0").unwrap();
        nic.up = false;
        nic.kind = DeviceKind::Physical;
    });
    let line = text
        .lines()
        .find(|l| l.contains("eth0") && l.contains("nic"))
        .unwrap();
    assert!(line.contains("down"), "{line}");
}

#[test]
fn without_docker_it_still_shows_the_kernels_part() {
    let text = screen(&fixtures::topology_without_docker("swarm/a"));
    assert!(text.contains("! Docker does not answer"), "{text}");
    assert!(text.contains("load balancer of vni-4097"), "{text}");
    assert!(text.contains("fwmark 0x102"), "{text}");
}
