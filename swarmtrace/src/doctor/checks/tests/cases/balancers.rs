//! Sandboxes, load balancers and what the kernel lets them do.

use super::Case;
use crate::doctor::checks::tests::breaking::{encrypt, namespace, replace, set};
use crate::doctor::facts::Modules;
use crate::doctor::fixtures::{address, listener};
use crate::sys::protocol::Protocol;
use crate::topology::NeighbourState;
use std::collections::BTreeSet;

pub const CASES: &[Case] = &[
    (
        "no sandbox",
        "swarm/a",
        |e| {
            e.topology.namespaces.retain(|n| n.name != "ingress_sbox");
        },
        "sandboxes",
        "ingress_sbox is absent",
    ),
    (
        "sandbox without ARP",
        "swarm/a",
        |e| {
            let host = namespace(e, "host");
            let entry = host
                .neighbours
                .iter_mut()
                .find(|n| n.address == address("172.18.0.2"));
            let entry = entry.unwrap();
            entry.state = NeighbourState::Failed;
            entry.mac = None;
        },
        "sandboxes",
        "does not answer ARP",
    ),
    (
        "no load balancer",
        "swarm/a",
        |e| {
            e.topology.namespaces.retain(|n| n.name != "lb_qookufxbb");
        },
        "sandboxes",
        "overlay1 has no load balancer",
    ),
    (
        "VXLAN device down",
        "swarm/a",
        |e| {
            let mut devices = namespace(e, "1-qookufxbbm").devices.iter_mut();
            devices.find(|d| d.name == "vxlan0").unwrap().up = false;
        },
        "sandboxes",
        "vxlan0 in 1-qookufxbbm is down",
    ),
    (
        "destination removed",
        "swarm/a",
        |e| {
            let ipvs = &mut namespace(e, "ingress_sbox").ipvs[0];
            ipvs.destinations
                .retain(|d| d.address != address("10.0.0.6"));
        },
        "ipvs",
        "(10.0.0.6)",
    ),
    (
        "destination of a dead task",
        "swarm/b",
        |e| {
            let lb = namespace(e, "lb_qookufxbb");
            let ipvs = lb
                .ipvs
                .iter_mut()
                .find(|s| s.destinations.len() == 2)
                .unwrap();
            let mut dead = ipvs.destinations[0].clone();
            dead.address = address("10.0.1.99");
            ipvs.destinations.push(dead);
        },
        "ipvs",
        "without a running task: 10.0.1.99",
    ),
    (
        "all of weight 0",
        "swarm/a",
        |e| {
            for d in &mut namespace(e, "ingress_sbox").ipvs[0].destinations {
                d.weight = 0;
            }
        },
        "ipvs",
        "weight 0",
    ),
    (
        "host does not forward",
        "swarm/a",
        |e| {
            set(e, "host", "net.ipv4.ip_forward", "0");
        },
        "forwarding",
        "ip_forward is 0 in host",
    ),
    (
        "sandbox does not forward",
        "swarm/a",
        |e| {
            set(e, "ingress_sbox", "net.ipv4.ip_forward", "0");
        },
        "forwarding",
        "ip_forward is 0 in ingress_sbox",
    ),
    (
        "one device does not forward",
        "swarm/a",
        |e| {
            set(e, "host", "net.ipv4.conf.docker_gwbridge.forwarding", "0");
        },
        "forwarding",
        "conf.docker_gwbridge.forwarding",
    ),
    (
        "conn_reuse_mode",
        "swarm/a",
        |e| {
            set(e, "lb_qookufxbb", "net.ipv4.vs.conn_reuse_mode", "1");
        },
        "sysctls",
        "conn_reuse_mode is 1 instead of 0",
    ),
    (
        "IPVS without conntrack",
        "swarm/a",
        |e| {
            set(e, "ingress_sbox", "net.ipv4.vs.conntrack", "0");
        },
        "sysctls",
        "vs.conntrack is 0",
    ),
    (
        "br_netfilter",
        "swarm/a",
        |e| {
            set(e, "host", "net.bridge.bridge-nf-call-iptables", "0");
        },
        "sysctls",
        "bridge-nf-call-iptables is 0",
    ),
    (
        "another process on a published port",
        "swarm/a",
        |e| {
            e.facts.listeners = Some(vec![listener(Protocol::Tcp, 8080, Some("nginx"))]);
        },
        "port-conflicts",
        "also bound by nginx",
    ),
    (
        "another process on the data-path port",
        "swarm/a",
        |e| {
            e.facts.listeners = Some(vec![listener(Protocol::Udp, 4789, Some("flanneld"))]);
        },
        "port-conflicts",
        "bound by flanneld",
    ),
    (
        "VXLAN dropped by the node",
        "swarm/a",
        |e| {
            replace(
                e,
                "host",
                "-A DOCKER-USER -j RETURN",
                "-A DOCKER-USER -j RETURN\n-A INPUT -p udp -m udp --dport 4789 -j DROP",
            );
        },
        "node-ports",
        "drops VXLAN (udp/4789) from b",
    ),
    (
        "module missing",
        "swarm/a",
        |e| {
            encrypt(e);
            e.facts.xfrm = None;
            let loaded = ["ip_vs"].map(String::from);
            e.facts.modules = Some(Modules {
                loaded: loaded.into(),
                built_in: Some(BTreeSet::new()),
            });
        },
        "modules",
        "esp4 is not loaded",
    ),
];
