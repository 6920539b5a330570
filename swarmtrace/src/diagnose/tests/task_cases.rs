//! Failures in the task, and those nobody can name.

use super::cases::{Expect, broken, mesh, unanswered};
use super::overlay_cases::data;
use super::scene::{Kind, Scene, View};
use crate::diagnose::Certainty::{Likely, Proven, Unknown};
use crate::diagnose::TaskActivity::{Running, Starting, Stopped};
use crate::synthetic::{Connection, Ending, Route};
use crate::topology::{Device, DeviceKind, DeviceRef};

pub fn cases() -> Vec<Expect> {
    let local = || unanswered(Route::MeshLocal);
    let remote = || unanswered(Route::MeshRemote).with(|s| s.view = View::B);
    let vip = |ending| Scene::new(Connection::new(Route::VipLocal, ending, 7), View::A);
    let host_mode = Scene::new(
        Connection::new(Route::HostMode, Ending::Refused, 7),
        View::A,
    );
    let from_node = Scene::new(
        Connection::new(Route::HostLocal, Ending::Refused, 7),
        View::A,
    );
    let stopped = Stopped { ms_ago: 400 };
    let mut datagram = Connection::new(Route::MeshLocal, Ending::Unanswered, 7);
    datagram.udp = true;
    vec![
        broken(
            "no-listener",
            Likely,
            "vote.1 eth0 out",
            mesh(Ending::Refused),
        ),
        broken(
            "no-listener",
            Likely,
            "vote.1 eth1 out",
            vip(Ending::Refused).state(Running),
        ),
        broken(
            "no-listener",
            Likely,
            "1-ingress000 veth1 in",
            mesh(Ending::Refused)
                .from(Kind::Rst, "a 1-ingress000 veth1 in")
                .with(|s| s.untapped.push("a vote.1 eth0 out".to_owned())),
        ),
        broken("no-listener", Likely, "vote.1 eth2 out", host_mode),
        broken("no-listener", Likely, "vote.1 eth0 out", from_node),
        broken(
            "no-listener",
            Likely,
            "vote.1 eth0 out",
            Scene::new(datagram, View::A).icmp(
                "a vote.1 eth0 in",
                "10.0.0.7",
                3,
                &["a vote.1 eth0 out", "a 1-ingress000 veth1 in"],
            ),
        ),
        broken(
            "task-starting",
            Likely,
            "vote.1 eth0 out",
            mesh(Ending::Refused).state(Starting),
        ),
        broken(
            "task-stopping",
            Proven,
            "vote.1 eth0 out",
            mesh(Ending::Refused).state(stopped),
        ),
        broken(
            "task-firewall",
            Likely,
            "vote.1 eth0 in",
            local().drop("a vote.1 eth0", "NETFILTER_DROP", "nft_do_chain"),
        ),
        broken(
            "checksum-corruption",
            Proven,
            "vote.2 eth0 in",
            remote().drop("b vote.2 eth0", "TCP_CSUM", "tcp_v4_rcv"),
        ),
        broken(
            "checksum-corruption",
            Likely,
            "vote.2 eth0 in",
            data(Route::MeshRemote, View::B, "b vote.2 eth0 in"),
        ),
        broken(
            "neighbour-missing-return",
            Likely,
            "vote.2 eth0 in",
            answered(remote()).drop("b vote.2 eth0", "NEIGH_FAILED", "neigh_invalidate"),
        ),
        broken(
            "neighbour-missing-return",
            Proven,
            "vote.2 eth0 in",
            remote().with(|s| {
                s.b.namespaces[2].neighbours.remove(1);
            }),
        ),
        broken("task-reset", Likely, "vote.1 eth0 out", mesh(Ending::Reset)),
        broken(
            "task-reset",
            Proven,
            "vote.1 eth0 out",
            mesh(Ending::Reset).reset_sent("a vote.1 eth0", "TCP_ABORT_ON_CLOSE"),
        ),
        broken(
            "task-stopped-midstream",
            Likely,
            "vote.1 eth0 out",
            mesh(Ending::Reset).state(stopped),
        ),
        broken(
            "client-reset",
            Likely,
            "eth0 in",
            mesh(Ending::Idle).client_resets(),
        ),
        broken(
            "client-reset",
            Likely,
            "client eth0 out",
            vip(Ending::Idle).client_resets(),
        ),
        broken(
            "duplicate-address",
            Proven,
            "ingress_sbox eth0 out",
            shared(mesh(Ending::Refused)),
        ),
        broken(
            "kernel-drop",
            Unknown,
            "1-ingress000 veth0 in",
            local().until(Kind::Syn, "a 1-ingress000 veth0 in").drop(
                "a 1-ingress000 veth0",
                "NOMEM",
                "br_handle_frame",
            ),
        ),
        broken("task-silent", Likely, "vote.1 eth0 in", local()),
        broken(
            "unknown",
            Unknown,
            "1-ingress000 veth0 in",
            local().until(Kind::Syn, "a 1-ingress000 veth0 in"),
        ),
        broken(
            "unknown",
            Unknown,
            "eth0 in",
            local().until(Kind::Syn, "a eth0 in").with(|s| s.lost = 7),
        ),
    ]
}

/// The next drop is of the answer.
fn answered(scene: Scene) -> Scene {
    scene.with(|s| {
        let mut last = *s.events.last().unwrap();
        last.tuple = last.tuple.reversed();
        let dropped = Scene {
            events: vec![last],
            ..s.clone()
        };
        s.drops = dropped
            .drop("b vote.2 eth0", "NEIGH_FAILED", "neigh_invalidate")
            .drops;
    })
}

/// The client's container gets the task's address on the same overlay.
fn shared(scene: Scene) -> Scene {
    scene.with(|s| {
        let veth = |namespace, ifindex| DeviceKind::Veth {
            peer: Some(DeviceRef { namespace, ifindex }),
        };
        let client =
            s.a.namespaces
                .iter()
                .position(|n| n.name == "client")
                .unwrap();
        let (inside, overlay) = (s.a.namespaces[client].inode, s.a.namespaces[2].inode);
        let mut port = s.a.namespaces[2].devices[0].clone();
        (port.ifindex, port.name, port.kind) = (60, "veth6".to_owned(), veth(inside, 61));
        s.a.namespaces[2].devices.push(port);
        s.a.namespaces[client].devices.push(Device {
            ifindex: 61,
            name: "eth6".to_owned(),
            kind: veth(overlay, 60),
            mac: None,
            mtu: 1450,
            up: true,
            master: None,
            addresses: vec!["10.0.0.7/24".parse().unwrap()],
        });
    })
}
