//! Failures of the overlay between the nodes.

use super::bed::{address, mac};
use super::cases::{Expect, broken, unanswered};
use super::scene::{Kind, Scene, View};
use crate::diagnose::Certainty::{Likely, Proven, Unknown};
use crate::synthetic::{Connection, Ending, Route};
use crate::topology::Node;
use swarmtrace_common::{PacketEvent, Tuple};

pub fn cases() -> Vec<Expect> {
    let remote = || unanswered(Route::MeshRemote);
    let both = || remote().with(|s| s.view = View::Both);
    let tunnel = || remote().until(Kind::Syn, "a 1-ingress000 vxlan0 out");
    let left = || remote().until(Kind::Syn, "a eth0 out");
    let arrived = || both().until(Kind::Syn, "b eth0 in");
    let between = "between eth0 in and 1-ingress000 vxlan0 in";
    let unforwarded = |s: &mut Scene| s.a.namespaces[2].fdb.clear();
    vec![
        broken(
            "fdb-missing",
            Likely,
            "between 1-ingress000 vxlan0 out and eth0 out",
            tunnel().drop("a 1-ingress000 vxlan0", "NO_TX_TARGET", "vxlan_xmit"),
        ),
        broken(
            "fdb-missing",
            Proven,
            "vxlan0 out",
            tunnel().with(unforwarded),
        ),
        broken(
            "fdb-missing",
            Likely,
            "vxlan0 out",
            tunnel().with(unforwarded).with(|s| s.lost = 1),
        ),
        broken(
            "fdb-wrong-node",
            Likely,
            "eth0 out",
            left().with(|s| send_to(s, true)),
        ),
        broken(
            "fdb-wrong-node",
            Likely,
            "eth0 out",
            left().with(|s| send_to(s, false)),
        ),
        broken(
            "overlay-encryption",
            Likely,
            "vxlan0 out",
            encrypted(both()),
        ),
        broken(
            "overlay-encryption",
            Likely,
            "vxlan0 out",
            encrypted(remote()).drop("a 1-ingress000 vxlan0", "XFRM_POLICY", "xfrm_lookup"),
        ),
        broken(
            "overlay-network-absent",
            Proven,
            "b",
            arrived().drop("b eth0", "VXLAN_VNI_NOT_FOUND", "vxlan_rcv"),
        ),
        broken(
            "overlay-network-absent",
            Proven,
            "eth0 in",
            arrived().with(|s| s.b.namespaces.retain(|n| n.name != "1-ingress000")),
        ),
        broken(
            "overlay-network-absent",
            Likely,
            "eth0 in",
            left().icmp("a eth0 out", "192.168.50.2", 3, &["a eth0 in"]),
        ),
        broken(
            "source-vtep-mismatch",
            Proven,
            between,
            arrived().drop("b eth0", "VXLAN_ENTRY_EXISTS", "vxlan_rcv"),
        ),
        broken(
            "source-vtep-mismatch",
            Proven,
            between,
            arrived().with(|s| move_sender(s, "192.168.50.99")),
        ),
        broken(
            "source-vtep-mismatch",
            Proven,
            between,
            arrived().with(|s| move_sender(s, "192.168.50.99")).drop(
                "b 1-ingress000 vxlan0",
                "",
                "vxlan_rcv+0xb1/0x5f0",
            ),
        ),
        broken(
            "overlay-network-absent",
            Proven,
            "eth0 in",
            arrived()
                .with(|s| s.b.namespaces.retain(|n| n.name != "1-ingress000"))
                .drop("b eth0", "", "vxlan_rcv+0xb1/0x5f0"),
        ),
        broken(
            "fdb-missing",
            Likely,
            "vxlan0 out",
            unanswered(Route::Direct)
                .until(Kind::Syn, "a 1-overlay100 vxlan0 out")
                .drop("a 1-overlay100 vxlan0", "", "vxlan_xmit+0x1f/0x80"),
        ),
        broken(
            "fdb-missing",
            Likely,
            "between 1-ingress000 vxlan0 out and eth0 out",
            Scene::new(Connection::new(Route::MeshRemote, Ending::Idle, 7), View::B)
                .until(Kind::SynAck, "b 1-ingress000 vxlan0 out")
                .drop("b 1-ingress000 vxlan0", "NO_TX_TARGET", "vxlan_xmit"),
        ),
        broken(
            "vxlan-blocked-on-path",
            Likely,
            "between eth0 out and node-a eth0 in",
            Scene::new(
                Connection::new(Route::VipRemote, Ending::Idle, 7),
                View::Both,
            )
            .until(Kind::SynAck, "b eth0 out"),
        ),
        broken(
            "vxlan-blocked-on-path",
            Likely,
            "between eth0 out and node-b eth0 in",
            both().until(Kind::Syn, "a eth0 out"),
        ),
        broken(
            "vxlan-blocked-on-node",
            Likely,
            between,
            arrived().drop("b eth0", "NETFILTER_DROP", "nft_do_chain"),
        ),
        broken("vxlan-blocked-on-node", Likely, between, arrived()),
        broken(
            "vxlan-blocked-on-node",
            Likely,
            "eth0 out",
            left().icmp("a eth0 out", "192.168.50.2", 10, &["a eth0 in"]),
        ),
        broken(
            "mtu-black-hole",
            Proven,
            "vxlan0 out",
            data(Route::MeshRemote, View::A, "a 1-ingress000 vxlan0 out").with(|s| {
                s.a.namespaces[0].devices[0].mtu = 1450;
            }),
        ),
        broken(
            "mtu-black-hole",
            Likely,
            "eth0 out",
            data(Route::MeshRemote, View::A, "a eth0 out"),
        ),
        broken(
            "mtu-black-hole",
            Proven,
            "eth0 in",
            left().icmp("a eth0 out", "192.168.50.254", 4, &["a eth0 in"]),
        ),
        broken("left-for-other-node", Unknown, "eth0 out", left()),
        broken(
            "refused-on-other-node",
            Likely,
            "eth0 in",
            Scene::new(
                Connection::new(Route::MeshRemote, Ending::Refused, 7),
                View::A,
            ),
        ),
        broken(
            "reset-on-other-node",
            Likely,
            "eth0 in",
            Scene::new(
                Connection::new(Route::MeshRemote, Ending::Reset, 7),
                View::A,
            ),
        ),
    ]
}

/// An open connection whose first data gets no further than `place`, three times.
pub fn data(route: Route, view: View, place: &str) -> Scene {
    Scene::new(Connection::new(route, Ending::Open, 7), view)
        .without(Kind::Response)
        .until(Kind::Request, place)
        .again(Kind::Request)
}

/// VXLAN datagrams go to a third node, which Docker knows or does not.
fn send_to(scene: &mut Scene, known: bool) {
    if known {
        scene.a.nodes.push(Node {
            id: "node2".to_owned(),
            hostname: "node-c".to_owned(),
            addresses: vec![address("192.168.50.3")],
            local: false,
        });
    }
    for event in scene.events.iter_mut().filter(|e| e.vni != 0) {
        let to = "192.168.50.3:4789".parse().unwrap();
        event.outer = Tuple::new(17, event.outer.source(), to);
    }
}

/// Encrypted: nothing to be seen between the VXLAN devices, and none arrives.
fn encrypted(scene: Scene) -> Scene {
    let inside = |s: &Scene, e: &PacketEvent| e.vni == 0 && e.netns < 200 && !s.place(e).is_empty();
    scene.only(inside).with(|s| {
        s.a.networks[0].encrypted = true;
        s.b.networks[0].encrypted = true;
    })
}

/// Has node-b's table put node-a's load balancer behind another VTEP.
fn move_sender(scene: &mut Scene, vtep: &str) {
    let sender = mac(address("10.0.0.2"));
    let table = scene.b.namespaces[2].fdb.iter_mut();
    { table }
        .filter(|f| f.mac == sender)
        .for_each(|f| f.vtep = address(vtep));
}
