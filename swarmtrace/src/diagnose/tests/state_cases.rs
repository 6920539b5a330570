//! Failures that only the namespaces' state distinguishes from others.

use super::bed::{address, mac};
use super::cases::{Expect, broken, unanswered};
use super::scene::{Kind, View};
use crate::diagnose::Certainty::{Likely, Proven};
use crate::synthetic::Route;
use crate::topology::{Mac, Neighbour, NeighbourState, Topology};

pub fn cases() -> Vec<Expect> {
    let local = || unanswered(Route::MeshLocal);
    let remote = || unanswered(Route::MeshRemote);
    let vip = || unanswered(Route::VipRemote);
    vec![
        broken(
            "device-down",
            Proven,
            "between eth0 in and docker_gwbridge out",
            (local().until(Kind::Syn, "a eth0 in"))
                .with(|s| set_down(&mut s.a, "host", "docker_gwbridge")),
        ),
        broken(
            "device-down",
            Proven,
            "1-ingress000 vxlan0 in",
            (remote().with(|s| s.view = View::Both))
                .until(Kind::Syn, "b 1-ingress000 vxlan0 in")
                .with(|s| set_down(&mut s.b, "1-ingress000", "br0")),
        ),
        broken(
            "address-missing",
            Proven,
            "vote.1 eth0 in",
            (local().until(Kind::Syn, "a vote.1 eth0 in"))
                .with(|s| take_addresses(&mut s.a, "vote.1")),
        ),
        broken(
            "virtual-address-missing",
            Proven,
            "lb_overlay10 eth0 in",
            (vip().until(Kind::Syn, "a lb_overlay10 eth0 in"))
                .with(|s| take_addresses(&mut s.a, "lb_overlay10")),
        ),
        broken(
            "neighbour-wrong",
            Proven,
            "ingress_sbox eth0 out",
            (remote().until(Kind::Syn, "a 1-ingress000 vxlan0 out"))
                .with(|s| learn(&mut s.a, "ingress_sbox", mac(address("10.0.0.99")))),
        ),
        broken(
            "neighbour-wrong",
            Likely,
            "ingress_sbox eth0 out",
            remote()
                .until(Kind::Syn, "a 1-ingress000 vxlan0 out")
                .with(|s| {
                    let wrong = mac(address("10.0.0.99"));
                    learn(&mut s.a, "ingress_sbox", wrong);
                    for entry in &mut s.a.namespaces[2].neighbours {
                        entry.mac = Some(wrong);
                    }
                }),
        ),
        broken(
            "neighbour-table-full",
            Likely,
            "ingress_sbox eth1 in",
            (local().until(Kind::Syn, "a ingress_sbox eth1 in")).drop(
                "a ingress_sbox eth0",
                "NEIGH_CREATEFAIL",
                "ip_finish_output2",
            ),
        ),
        broken(
            "encryption-mark-missing",
            Likely,
            "eth0 in",
            (remote().with(|s| s.view = View::B))
                .until(Kind::Syn, "b eth0 in")
                .with(|s| s.b.networks[0].encrypted = true)
                .drop("b eth0", "NETFILTER_DROP", "nft_do_chain"),
        ),
        broken(
            "forward-drop",
            Likely,
            "eth0 out",
            (local().until(Kind::Syn, "a eth0 in")).icmp(
                "a eth0 in",
                "192.168.50.1",
                10,
                &["a eth0 out"],
            ),
        ),
    ]
}

/// A copy that a bridge floods to a bystander, and what becomes of it.
#[test]
fn a_bystanders_drop_decides_nothing() {
    let silent = || unanswered(Route::MeshRemote).until(Kind::Syn, "a 1-ingress000 vxlan0 out");
    let plain: Vec<_> = silent().verdicts();
    for (place, reason) in [
        ("a vote.1 eth0", "OTHERHOST"),
        ("a vote.1 eth0", "NETFILTER_DROP"),
        ("a client eth0", "IP_INADDRERRORS"),
    ] {
        let flooded = silent().drop(place, reason, "ip_rcv_core");
        assert_eq!(flooded.verdicts(), plain, "{place} {reason}");
    }
}

fn set_down(topology: &mut Topology, namespace: &str, device: &str) {
    let namespace = topology.namespaces.iter_mut().find(|n| n.name == namespace);
    let mut devices = namespace.unwrap().devices.iter_mut();
    devices.find(|d| d.name == device).unwrap().up = false;
}

fn take_addresses(topology: &mut Topology, namespace: &str) {
    let namespace = topology.namespaces.iter_mut().find(|n| n.name == namespace);
    for device in &mut namespace.unwrap().devices {
        device.addresses.clear();
    }
}

/// The namespace's own entry for the task on the other node.
fn learn(topology: &mut Topology, namespace: &str, mac: Mac) {
    let namespace = topology.namespaces.iter_mut().find(|n| n.name == namespace);
    namespace.unwrap().neighbours.push(Neighbour {
        ifindex: 1,
        address: address("10.0.0.8"),
        mac: Some(mac),
        state: NeighbourState::Permanent,
    });
}
