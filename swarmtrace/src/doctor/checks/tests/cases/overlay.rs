//! The overlay: where its frames are sent, and whether they arrive whole.

use super::Case;
use crate::doctor::checks::tests::breaking::{
    encrypt, forget, mac, namespace, neighbour_of, remove,
};
use crate::doctor::facts::{Association, Nic, Xfrm};
use crate::doctor::fixtures::address;
use crate::topology::{DeviceKind, TaskAddress, TaskState};

pub const CASES: &[Case] = &[
    (
        "neighbour of a task lost",
        "swarm/a",
        |e| {
            let ns = namespace(e, "1-f0l1ik19u8");
            ns.neighbours.retain(|n| n.address != address("10.0.0.6"));
        },
        "neighbours",
        "no neighbour entry for vote.b (10.0.0.6)",
    ),
    (
        "forwarding entry of a task lost",
        "swarm/b",
        |e| {
            namespace(e, "1-qookufxbbm")
                .fdb
                .retain(|f| f.mac != mac("02:42:0a:00:01:03"));
        },
        "neighbours",
        "no forwarding entry for",
    ),
    (
        "forwarding entry of a load balancer lost",
        "swarm/a",
        |e| {
            namespace(e, "1-f0l1ik19u8")
                .fdb
                .retain(|f| f.mac != mac("02:42:0a:00:00:03"));
        },
        "neighbours",
        "no forwarding entry for the load balancer of b (10.0.0.3)",
    ),
    (
        "neighbour of a load balancer lost",
        "swarm/a",
        |e| {
            let ns = namespace(e, "1-f0l1ik19u8");
            ns.neighbours.retain(|n| n.address != address("10.0.0.3"));
            forget(e, "10.0.0.3");
        },
        "neighbours",
        "no neighbour entry for 10.0.0.3",
    ),
    (
        "a load balancer unknown",
        "swarm/a",
        |e| {
            let ns = namespace(e, "1-f0l1ik19u8");
            ns.neighbours.retain(|n| n.address != address("10.0.0.3"));
            ns.fdb.retain(|f| f.mac != mac("02:42:0a:00:00:03"));
            forget(e, "10.0.0.3");
        },
        "neighbours",
        "load balancer of b is not known",
    ),
    (
        "forwarding entry to the wrong node",
        "swarm/a",
        |e| {
            let ns = namespace(e, "1-qookufxbbm");
            let entry = ns
                .fdb
                .iter_mut()
                .find(|f| f.mac == mac("02:42:0a:00:01:04"))
                .unwrap();
            entry.vtep = address("192.168.90.77");
        },
        "neighbours",
        "points to 192.168.90.77 instead of 192.168.90.2",
    ),
    (
        "neighbour with a MAC address that nobody has",
        "swarm/a",
        |e| neighbour_of(e, "10.0.0.6").mac = Some(mac("02:42:0a:00:00:63")),
        "neighbours",
        "neighbour entry of vote.b (10.0.0.6) says 02:42:0a:00:00:63 instead of 02:42:0a:00:00:06",
    ),
    (
        "neighbour with another's MAC address",
        "swarm/a",
        |e| neighbour_of(e, "10.0.0.6").mac = Some(mac("02:42:0a:00:00:03")),
        "neighbours",
        "says 02:42:0a:00:00:03 instead of 02:42:0a:00:00:06",
    ),
    (
        "host mode: neighbour lost",
        "host-mode/a",
        |e| {
            let ns = namespace(e, "host");
            let vxlan: Vec<u32> = (ns.devices.iter())
                .filter(|d| matches!(d.kind, DeviceKind::Vxlan { .. }))
                .map(|d| d.ifindex)
                .collect();
            let at = ns
                .neighbours
                .iter()
                .position(|n| vxlan.contains(&n.ifindex))
                .unwrap();
            ns.neighbours.remove(at);
        },
        "neighbours",
        "no neighbour entry",
    ),
    (
        "wrong source",
        "swarm/a",
        |e| {
            e.facts.routes[0].source = Some(address("10.9.9.9"));
        },
        "vtep",
        "leave from 10.9.9.9",
    ),
    (
        "no route",
        "swarm/a",
        |e| e.facts.routes[0].source = None,
        "vtep",
        "no route",
    ),
    (
        "data-path port",
        "swarm/a",
        |e| {
            for device in &mut namespace(e, "1-qookufxbbm").devices {
                if let DeviceKind::Vxlan { port, .. } = &mut device.kind {
                    *port = 4790;
                }
            }
        },
        "vtep",
        "uses UDP port 4790 instead of 4789",
    ),
    (
        "two tasks, one address",
        "swarm/a",
        |e| {
            let client = e
                .topology
                .tasks
                .iter()
                .position(|t| t.service == "client")
                .unwrap();
            let mut twin = e.topology.tasks[client].clone();
            twin.id = "twin".into();
            twin.name = "twin.1".into();
            twin.service = "twin".into();
            twin.container = None;
            e.topology.tasks.push(twin);
        },
        "duplicates",
        "10.0.1.8 belongs to task client.1",
    ),
    (
        "a task on a virtual address",
        "swarm/a",
        |e| {
            let vote = e
                .topology
                .networks
                .iter()
                .find(|n| n.name == "overlay1")
                .unwrap();
            let taken = TaskAddress {
                network: vote.id.clone(),
                address: address("10.0.1.7"),
            };
            let mut twin = e.topology.tasks[0].clone();
            twin.id = "twin".into();
            twin.service = "twin".into();
            twin.state = TaskState::Starting;
            twin.addresses = vec![taken];
            e.topology.tasks.push(twin);
        },
        "duplicates",
        "10.0.1.7 belongs to",
    ),
    (
        "small MTU below",
        "swarm/a",
        |e| {
            for device in &mut namespace(e, "host").devices {
                if device.name == "eth0" {
                    device.mtu = 1460;
                }
            }
            // One overlay is enough to see it.
            e.topology.networks.retain(|n| n.name != "overlay1");
        },
        "mtu",
        "eth0 has an MTU of 1460",
    ),
    (
        "a part of another MTU",
        "swarm/a",
        |e| {
            for device in &mut namespace(e, "e02d9125ed54").devices {
                if device.mtu == 1450 {
                    device.mtu = 9000;
                }
            }
        },
        "mtu",
        "MTU 9000 of eth0 in client.1",
    ),
    (
        "vmxnet3",
        "swarm/a",
        |e| {
            e.facts.nics.push(Nic {
                name: "ens192".into(),
                driver: "vmxnet3".into(),
                checksums: Some(true),
            });
        },
        "offload",
        "ens192 (vmxnet3)",
    ),
    (
        "half an encryption",
        "swarm/a",
        |e| {
            encrypt(e);
            e.facts.xfrm = Some(Xfrm {
                associations: vec![Association {
                    source: address("192.168.90.1"),
                    destination: address("192.168.90.2"),
                }],
                policies: vec![address("192.168.90.2")],
            });
        },
        "encryption",
        "encryption with b: association from it missing",
    ),
    (
        "no mark for encryption",
        "swarm/a",
        |e| {
            encrypt(e);
            remove(e, "host", "0xd0c4e3");
        },
        "encryption",
        "no rule marks packets",
    ),
];
