//! Connections whose addresses are not what they should be.

use super::bed::address;
use super::cases::mesh;
use super::scene::{Kind, Scene, View};
use crate::synthetic::{Connection, Ending, Route};
use crate::topology::{Device, DeviceKind, DeviceRef, Node};
use swarmtrace_common::{PacketEvent, Tuple};

pub fn by_ipv6(scene: Scene) -> Scene {
    scene.with(|s| {
        s.a.nodes.push(Node {
            hostname: "node-a".to_owned(),
            addresses: vec![address("2001:db8::1")],
            local: true,
            ..Node::default()
        });
        for event in &mut s.events {
            event.flags &= !swarmtrace_common::PacketFlags::CONNTRACK;
            event.flags |= swarmtrace_common::PacketFlags::IPV6;
            let (from, to) = (event.tuple.source(), event.tuple.destination());
            let moved = |a: std::net::SocketAddr| {
                let node = a.ip() == address("192.168.50.1");
                let ip = if node { "2001:db8::1" } else { "2001:db8::9" };
                std::net::SocketAddr::new(address(ip), a.port())
            };
            event.tuple = Tuple::new(6, moved(from), moved(to));
        }
    })
}

pub fn untranslated() -> Scene {
    let scene = mesh(Ending::Idle).client_resets().with(|s| {
        let outside = s.resolve("a ingress_sbox eth1 out").at;
        let kinds: Vec<Kind> = s.events.iter().map(|e| s.kind(e)).collect();
        for (event, kind) in s.events.iter_mut().zip(kinds) {
            let gateway = DeviceRef::of(event) == outside;
            if kind == Kind::SynAck && gateway {
                let to = event.tuple.destination();
                event.tuple = Tuple::new(6, "10.0.0.7:8080".parse().unwrap(), to);
                event.flags &= !swarmtrace_common::PacketFlags::CONNTRACK;
            }
        }
    });
    scene.until(Kind::SynAck, "a ingress_sbox eth1 out")
}

pub fn untranslated_vip() -> Scene {
    let connection = Connection::new(Route::VipLocal, Ending::Idle, 7);
    Scene::new(connection, View::A).client_resets().with(|s| {
        let client = s.resolve("a client eth0 in").at.namespace;
        let from: Vec<String> = s.events.iter().map(|e| s.place(e)).collect();
        let kinds: Vec<Kind> = s.events.iter().map(|e| s.kind(e)).collect();
        for ((event, kind), place) in s.events.iter_mut().zip(kinds).zip(from) {
            let late = place == "a lb_overlay10 eth0 out"
                || place == "a 1-overlay100 veth2 out"
                || event.netns == client;
            if kind == Kind::SynAck && late {
                let to = event.tuple.destination();
                event.tuple = Tuple::new(6, "10.0.1.3:80".parse().unwrap(), to);
                event.flags &= !swarmtrace_common::PacketFlags::CONNTRACK;
            }
        }
    })
}

/// The load balancer leaves the client's address as it is.
pub fn without_snat(view: View) -> Scene {
    let connection = Connection::new(Route::MeshRemote, Ending::Unanswered, 7);
    let client = connection.client.ip();
    Scene::new(connection, view).with(|s| {
        for event in &mut s.events {
            let from = event.tuple.source();
            if from.ip() == address("10.0.0.2") {
                let client = std::net::SocketAddr::new(client, from.port());
                event.tuple = Tuple::new(6, client, event.tuple.destination());
                event.flags &= !swarmtrace_common::PacketFlags::CONNTRACK;
            }
        }
    })
}

/// A container on `docker_gwbridge` dials its own node, without `br_netfilter`.
pub fn hairpin() -> Scene {
    let mut connection = Connection::new(Route::MeshLocal, Ending::Idle, 7);
    connection.client = "172.18.0.9:40000".parse().unwrap();
    let scene = Scene::new(connection, View::A).with(|s| {
        let veth = |namespace, ifindex| DeviceKind::Veth {
            peer: Some(DeviceRef { namespace, ifindex }),
        };
        let device = |ifindex, name: &str, kind, master, addresses: &[&str]| Device {
            ifindex,
            name: name.to_owned(),
            kind,
            mac: None,
            mtu: 1500,
            up: true,
            master,
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
        };
        let client =
            s.a.namespaces
                .iter()
                .position(|n| n.name == "client")
                .unwrap();
        let inode = s.a.namespaces[client].inode;
        let host = s.a.host_namespace;
        s.a.namespaces[client].devices.push(device(
            50,
            "eth1",
            veth(host, 51),
            None,
            &["172.18.0.9/16"],
        ));
        s.a.namespaces[0]
            .devices
            .push(device(51, "veth9", veth(inode, 50), Some(3), &[]));
        let mut events = Vec::new();
        for event in std::mem::take(&mut s.events) {
            let at = |netns, ifindex, direction, later| PacketEvent {
                netns,
                ifindex,
                direction,
                time: event.time + later,
                flags: event.flags & !swarmtrace_common::PacketFlags::CONNTRACK,
                ..event
            };
            match s.place(&event).as_str() {
                "a eth0 in" => {
                    events.push(at(inode, 50, 1, 0));
                    events.push(at(host, 51, 0, 500));
                }
                "a docker_gwbridge in" => events.push(at(host, 51, 1, 0)),
                "a eth0 out" => {
                    let back = Tuple::new(6, "172.18.0.2:8080".parse().unwrap(), connection.client);
                    events.push(PacketEvent {
                        tuple: back,
                        ..at(inode, 50, 0, 0)
                    });
                }
                _ => events.push(event),
            }
        }
        s.events = events;
    });
    scene.client_resets()
}
