//! The sites on real Swarms, and on hosts of other makes.

use super::*;
use crate::topology::Device;
use crate::topology::fixtures::{topology, topology_without_docker};

fn names(topology: &Topology, scope: &Scope) -> Vec<String> {
    let mut names: Vec<_> = (sites(topology, scope).iter())
        .map(|s| {
            let namespace = topology.namespace(s.at.namespace).unwrap();
            format!("{} {}", namespace.name, s.device)
        })
        .collect();
    names.sort();
    names
}

#[test]
fn a_node() {
    let expected = [
        "1-f0l1ik19u8 veth0",
        "1-f0l1ik19u8 veth1",
        "1-f0l1ik19u8 vxlan0",
        "1-qookufxbbm veth0",
        "1-qookufxbbm veth1",
        "1-qookufxbbm veth2",
        "1-qookufxbbm vxlan0",
        "client.1 eth0",
        "client.1 eth1",
        "host docker_gwbridge",
        "host eth0",
        "host vetha24f361",
        "host vethd3aa70a",
        "host vethdf4c7ff",
        "ingress_sbox eth0",
        "ingress_sbox eth1",
        "lb_qookufxbb eth0",
        "vote.a eth0",
        "vote.a eth1",
        "vote.a eth2",
    ];
    assert_eq!(names(&topology("swarm/a"), &Scope::All), expected);
}

#[test]
fn without_docker_the_same() {
    let named = topology("swarm/a");
    let nameless = topology_without_docker("swarm/a");
    assert_eq!(sites(&named, &Scope::All), sites(&nameless, &Scope::All));
}

#[test]
fn one_overlay_of_two() {
    let topology = topology("swarm/a");
    let names = names(&topology, &Scope::Vnis([4096].into()));
    assert!(
        names
            .iter()
            .all(|n| !n.starts_with("lb_") && !n.starts_with("1-qook"))
    );
    assert!(names.contains(&"vote.a eth0".to_owned()));
    assert!(
        !names.contains(&"vote.a eth1".to_owned()),
        "its NIC on overlay1"
    );
    assert!(names.contains(&"vote.a eth2".to_owned()), "its gateway");
    assert!(names.contains(&"ingress_sbox eth0".to_owned()));
}

#[test]
fn host_mode() {
    let topology = topology("host-mode/a");
    let names = names(&topology, &Scope::All);
    for wanted in [
        "host vx-001000-rd4oz",
        "host vx-001001-vnc40",
        "host vethe9aec78",
        "host docker_gwbridge",
        "host eth0",
        "lb_vnc40nx48 eth0",
        "ingress_sbox eth1",
    ] {
        assert!(names.contains(&wanted.to_owned()), "{wanted} in {names:?}");
    }
    for unwanted in ["host ov-001000-rd4oz", "host docker0", "host lo"] {
        assert!(!names.contains(&unwanted.to_owned()), "{unwanted}");
    }
}

#[test]
fn underlays_of_other_makes() {
    let mut topology = topology("swarm/a");
    let host = &mut topology.namespaces[0];
    let other = |kind: &str, ethernet| DeviceKind::Other {
        kind: kind.into(),
        ethernet,
    };
    let mut add = |ifindex, name: &str, kind, up, master, address: &str| {
        host.devices.push(Device {
            ifindex,
            name: name.into(),
            kind,
            mac: None,
            mtu: 1500,
            up,
            master,
            addresses: address.parse().into_iter().collect(),
        });
    };
    add(
        100,
        "bond0",
        other("bond", true),
        true,
        None,
        "192.0.2.1/24",
    );
    add(101, "slave0", DeviceKind::Physical, true, Some(100), "");
    add(
        102,
        "br-lan",
        DeviceKind::Bridge,
        true,
        None,
        "198.51.100.1/24",
    );
    add(103, "lan0", DeviceKind::Physical, true, Some(102), "");
    add(
        104,
        "vm0",
        DeviceKind::Veth { peer: None },
        true,
        Some(102),
        "",
    );
    add(
        105,
        "wg0",
        other("wireguard", false),
        true,
        None,
        "10.8.0.1/24",
    );
    add(
        106,
        "off0",
        DeviceKind::Physical,
        false,
        None,
        "203.0.113.1/24",
    );
    add(
        107,
        "vip0",
        other("dummy", true),
        true,
        None,
        "203.0.113.2/32",
    );
    add(108, "bare0", DeviceKind::Physical, true, None, "fe80::1/64");
    add(
        109,
        "flannel.1",
        DeviceKind::Vxlan { vni: 1, port: 8472 },
        true,
        None,
        "10.1.0.0/32",
    );
    let sites = sites(&topology, &Scope::All);
    let site = |index| {
        sites
            .iter()
            .find(|s| s.at.ifindex == index && s.at.namespace == topology.host_namespace)
    };
    let tapped: Vec<_> = (100..110).filter(|i| site(*i).is_some()).collect();
    assert_eq!(tapped, [100, 103, 105]);
    assert!(site(100).unwrap().has_ethernet && !site(105).unwrap().has_ethernet);
}
