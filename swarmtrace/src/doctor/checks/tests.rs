//! Real Swarms, each broken in one way: exactly that is found, and nothing in
//! the healthy ones.

use crate::doctor::facts::iptables::{Backend, Ruleset};
use crate::doctor::facts::{Association, Gap, Modules, Nic, Xfrm};
use crate::doctor::fixtures::{address, examined, listener};
use crate::doctor::{Examined, Id, Need, Severity};
use crate::topology::{DeviceKind, IpvsMatch, Namespace, Neighbour, TaskAddress};
use std::collections::BTreeSet;

const NODES: [&str; 3] = ["swarm/a", "swarm/b", "host-mode/a"];

fn namespace<'a>(examined: &'a mut Examined, name: &str) -> &'a mut Namespace {
    let mut all = examined.topology.namespaces.iter_mut();
    all.find(|n| n.name == name || n.path.ends_with(name))
        .unwrap()
}

/// Changes the rules of a namespace, as text by text.
fn rules(examined: &mut Examined, name: &str, change: impl Fn(&str) -> Option<String>) {
    let inode = namespace(examined, name).inode;
    let facts = examined.facts.namespaces.get_mut(&inode).unwrap();
    for (_, set) in &mut facts.rules.as_mut().unwrap().sets {
        *set = Ruleset::parse(&change(&written(set)).unwrap());
    }
}

fn written(set: &Ruleset) -> String {
    let mut out = String::new();
    for (name, table) in &set.tables {
        out += &format!("*{name}\n");
        for (chain, is) in table {
            out += &format!(":{chain} {} [0:0]\n", is.policy.as_deref().unwrap_or("-"));
        }
        for rule in table.values().flat_map(|c| &c.rules) {
            out += &format!("{}\n", rule.text);
        }
    }
    out
}

/// Removes the rules that contain that text; there must be some.
fn remove(examined: &mut Examined, name: &str, text: &str) {
    rules(examined, name, |all| {
        let kept: Vec<&str> = all.lines().filter(|l| !l.contains(text)).collect();
        assert!(kept.len() < all.lines().count(), "no rule with {text}");
        Some(kept.join("\n"))
    });
}

fn replace(examined: &mut Examined, name: &str, text: &str, with: &str) {
    rules(examined, name, |all| {
        assert!(all.contains(text), "no rule with {text}");
        Some(all.replace(text, with))
    });
}

fn set(examined: &mut Examined, name: &str, sysctl: &str, value: &str) {
    let inode = namespace(examined, name).inode;
    let facts = examined.facts.namespaces.get_mut(&inode).unwrap();
    facts.sysctls.insert(sysctl.into(), value.into());
}

#[test]
fn healthy_swarms_give_nothing() {
    for node in NODES {
        let examined = examined(node);
        let found = examined.findings();
        assert!(found.is_empty(), "{node}: {found:#?}");
        assert_eq!(examined.not_checked(), [], "{node}");
    }
}

#[test]
fn a_forward_policy_of_drop_is_fine_with_dockers_rules() {
    for node in NODES {
        let mut examined = examined(node);
        replace(&mut examined, "host", ":FORWARD ACCEPT", ":FORWARD DROP");
        let found = examined.findings();
        assert!(found.is_empty(), "{node}: {found:#?}");
    }
}

#[test]
fn dockers_newer_chains_are_as_good() {
    let mut examined = examined("swarm/a");
    rules(&mut examined, "host", |all| {
        let filter = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:DOCKER-FORWARD - [0:0]\n\
            :DOCKER-INGRESS - [0:0]\n:DOCKER-CT - [0:0]\n:DOCKER-BRIDGE - [0:0]\n\
            -A FORWARD -j DOCKER-USER\n-A FORWARD -j DOCKER-FORWARD\n\
            -A DOCKER-FORWARD -j DOCKER-INGRESS\n-A DOCKER-FORWARD -j DOCKER-CT\n\
            -A DOCKER-FORWARD -j DOCKER-BRIDGE\n\
            -A DOCKER-FORWARD -i docker_gwbridge ! -o docker_gwbridge -j ACCEPT\n\
            -A DOCKER-CT -m set --match-set docker-ext-bridges-v4 dst -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
            -A DOCKER-BRIDGE -o docker_gwbridge -j DROP\n\
            -A DOCKER-INGRESS -p tcp -m tcp --dport 8080 -j ACCEPT\n\
            -A DOCKER-INGRESS -p tcp -m conntrack --ctstate RELATED,ESTABLISHED -m tcp --sport 8080 -j ACCEPT\n\
            -A DOCKER-INGRESS -j RETURN\n";
        let nat = &all[all.find("*nat").unwrap()..];
        Some(format!("{filter}{nat}"))
    });
    let found = examined.findings();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn what_was_not_read_is_said_and_finds_nothing() {
    let mut examined = examined("swarm/a");
    for facts in examined.facts.namespaces.values_mut() {
        facts.rules = None;
        facts.sysctls.clear();
    }
    examined.facts.listeners = None;
    examined.facts.routes.clear();
    examined.facts.gaps.push(Gap {
        need: Need::Rules,
        namespace: Some("host".into()),
        why: "iptables-nft-save is not installed".into(),
    });
    assert_eq!(examined.findings(), []);
    let missed = examined.not_checked();
    assert_eq!(missed.len(), 1);
    assert!(missed[0].what.iter().any(|w| w.contains("DOCKER-INGRESS")));
    assert!(!missed[0].what.contains(&"duplicate addresses"));
}

/// How it is broken, and what must be found: the check and a part of the text.
type Case = (
    &'static str,
    &'static str,
    fn(&mut Examined),
    &'static str,
    &'static str,
);

const CASES: &[Case] = &[
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
            entry.state = "failed".into();
            entry.mac.clear();
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
        "nat flushed of DOCKER-INGRESS",
        "swarm/a",
        |e| {
            rules(e, "host", |all| {
                let nat = all.find("*nat").unwrap();
                let gone = all[nat..].lines().filter(|l| !l.contains("DOCKER-INGRESS"));
                Some(format!(
                    "{}{}",
                    &all[..nat],
                    gone.collect::<Vec<_>>().join("\n")
                ))
            });
        },
        "mesh-dnat",
        "DOCKER-INGRESS is absent from nat",
    ),
    (
        "no jump",
        "swarm/a",
        |e| {
            remove(
                e,
                "host",
                "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS",
            );
        },
        "mesh-dnat",
        "PREROUTING does not jump",
    ),
    (
        "no jump for local clients",
        "swarm/a",
        |e| {
            remove(
                e,
                "host",
                "-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER-INGRESS",
            );
        },
        "mesh-dnat",
        "OUTPUT does not jump",
    ),
    (
        "no DNAT",
        "host-mode/a",
        |e| {
            remove(e, "host", "-j DNAT --to-destination 172.18.0.2:8080");
        },
        "mesh-dnat",
        "no DNAT of tcp/8080",
    ),
    (
        "DNAT to an old address",
        "swarm/b",
        |e| {
            replace(e, "host", "172.18.0.2:8080", "172.18.0.9:8080");
        },
        "mesh-dnat",
        "does not go to ingress_sbox (172.18.0.2)",
    ),
    (
        "somebody's DNAT before",
        "swarm/a",
        |e| {
            replace(
                e,
                "host",
                "*nat\n",
                "*nat\n-A PREROUTING -p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 3128\n",
            );
        },
        "mesh-dnat",
        "does not go to ingress_sbox",
    ),
    (
        "no MASQUERADE",
        "swarm/a",
        |e| {
            remove(e, "host", "--src-type LOCAL -j MASQUERADE");
        },
        "mesh-dnat",
        "no MASQUERADE of local clients",
    ),
    (
        "FORWARD DROP without Docker's rules",
        "swarm/a",
        |e| {
            replace(e, "host", ":FORWARD ACCEPT", ":FORWARD DROP");
            remove(
                e,
                "host",
                "-A DOCKER-INGRESS -p tcp -m tcp --dport 8080 -j ACCEPT",
            );
        },
        "forward",
        "FORWARD drops packets to tcp/8080",
    ),
    (
        "dropped in DOCKER-USER",
        "swarm/b",
        |e| {
            replace(
                e,
                "host",
                "-A DOCKER-USER -j RETURN",
                "-A DOCKER-USER -i docker_gwbridge -j DROP",
            );
        },
        "forward",
        "FORWARD drops packets from tcp/8080",
    ),
    (
        "no mark of the port",
        "swarm/a",
        |e| {
            remove(e, "ingress_sbox", "--dport 8080 -j MARK");
        },
        "marks",
        "tcp/8080 gets no mark",
    ),
    (
        "mark without IPVS service",
        "swarm/a",
        |e| {
            namespace(e, "ingress_sbox").ipvs.clear();
        },
        "marks",
        "no IPVS service",
    ),
    (
        "no mark of the virtual address",
        "swarm/a",
        |e| {
            remove(e, "lb_qookufxbb", "10.0.1.2/32");
        },
        "marks",
        "virtual address 10.0.1.2 gets no mark",
    ),
    (
        "IPVS service of nobody",
        "swarm/a",
        |e| {
            let lb = namespace(e, "lb_qookufxbb");
            let mut more = lb.ipvs[0].clone();
            more.matches = IpvsMatch::Fwmark(0x999);
            lb.ipvs.push(more);
        },
        "marks",
        "IPVS service for mark 0x999",
    ),
    (
        "virtual address lost",
        "swarm/a",
        |e| {
            for device in &mut namespace(e, "lb_qookufxbb").devices {
                device.addresses.retain(|a| a.addr() != address("10.0.1.2"));
            }
        },
        "marks",
        "does not have the virtual address 10.0.1.2",
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
        "no SNAT",
        "swarm/a",
        |e| {
            remove(e, "ingress_sbox", "-j SNAT --to-source 10.0.0.2");
        },
        "snat",
        "ingress_sbox has no SNAT",
    ),
    (
        "SNAT to another address",
        "swarm/a",
        |e| {
            replace(
                e,
                "lb_qookufxbb",
                "--to-source 10.0.1.5",
                "--to-source 10.0.1.77",
            );
        },
        "snat",
        "rewrites sources to 10.0.1.77",
    ),
    (
        "no REDIRECT",
        "swarm/a",
        |e| {
            remove(e, "8ce9af88d95a", "-j REDIRECT");
        },
        "task-rules",
        "no REDIRECT of tcp/8080 to 80",
    ),
    (
        "task drops its port",
        "swarm/a",
        |e| {
            remove(e, "8ce9af88d95a", "--dport 80 -m conntrack");
        },
        "task-rules",
        "drops its target port tcp/80",
    ),
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
                .retain(|f| f.mac != "02:42:0a:00:01:03");
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
                .retain(|f| f.mac != "02:42:0a:00:00:03");
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
            ns.fdb.retain(|f| f.mac != "02:42:0a:00:00:03");
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
                .find(|f| f.mac == "02:42:0a:00:01:04")
                .unwrap();
            entry.vtep = address("192.168.90.77");
        },
        "neighbours",
        "points to 192.168.90.77 instead of 192.168.90.2",
    ),
    (
        "neighbour with a MAC address that nobody has",
        "swarm/a",
        |e| neighbour_of(e, "10.0.0.6").mac = "02:42:0a:00:00:63".into(),
        "neighbours",
        "neighbour entry of vote.b (10.0.0.6) says 02:42:0a:00:00:63 instead of 02:42:0a:00:00:06",
    ),
    (
        "neighbour with another's MAC address",
        "swarm/a",
        |e| neighbour_of(e, "10.0.0.6").mac = "02:42:0a:00:00:03".into(),
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
            twin.state = "starting".into();
            twin.addresses = vec![taken];
            e.topology.tasks.push(twin);
        },
        "duplicates",
        "10.0.1.7 belongs to",
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
            e.facts.listeners = Some(vec![listener(6, 8080, Some("nginx"))]);
        },
        "port-conflicts",
        "also bound by nginx",
    ),
    (
        "another process on the data-path port",
        "swarm/a",
        |e| {
            e.facts.listeners = Some(vec![listener(17, 4789, Some("flanneld"))]);
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
        "with b lacks its association from it",
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
    (
        "Docker's rules in both",
        "swarm/a",
        |e| {
            let inode = namespace(e, "host").inode;
            let rules = e
                .facts
                .namespaces
                .get_mut(&inode)
                .unwrap()
                .rules
                .as_mut()
                .unwrap();
            let twice = rules.sets[0].1.clone();
            rules.sets.push((Backend::Legacy, twice));
        },
        "iptables-backends",
        "at once in host",
    ),
];

fn neighbour_of<'a>(examined: &'a mut Examined, of: &str) -> &'a mut Neighbour {
    let mut all = (examined.topology.namespaces.iter_mut()).flat_map(|n| &mut n.neighbours);
    all.find(|n| n.address == address(of)).unwrap()
}

/// Only the kernel knows other nodes' load balancers: without its entries the
/// snapshot would not have them.
fn forget(examined: &mut Examined, endpoint: &str) {
    for network in &mut examined.topology.networks {
        network.endpoints.retain(|e| e.address != address(endpoint));
    }
}

/// As if overlay1 were encrypted, and well.
fn encrypt(examined: &mut Examined) {
    let networks = examined.topology.networks.iter_mut();
    for network in networks.filter(|n| n.name == "overlay1") {
        network.encrypted = true;
    }
    for namespace in &mut examined.topology.namespaces {
        for device in namespace.devices.iter_mut().filter(|d| d.mtu == 1450) {
            device.mtu = 1424;
        }
    }
    replace(
        examined,
        "host",
        "*mangle\n",
        "*mangle\n-A OUTPUT -p udp -m udp --dport 4789 -m u32 --u32 \"0x0=0x1\" -j MARK --set-xmark 0xd0c4e3/0xffffffff\n",
    );
    rules(examined, "host", |all| {
        let cleartext = "-A INPUT -p udp -m policy --dir in --pol none -m udp --dport 4789 -m u32 \
                         --u32 \"0x0>>0x16&0x3c@0xc&0xffffff00=0x100200\" -j DROP\n";
        Some(all.replacen("*filter\n", &format!("*filter\n{cleartext}"), 1))
    });
    let (own, other) = (address("192.168.90.1"), address("192.168.90.2"));
    let one = |source, destination| Association {
        source,
        destination,
    };
    examined.facts.xfrm = Some(Xfrm {
        associations: vec![one(own, other), one(other, own)],
        policies: vec![other],
    });
}

#[test]
fn each_fault_is_found_and_nothing_else() {
    let mut wrong = Vec::new();
    for (name, node, broken, check, text) in CASES {
        let mut examined = examined(node);
        broken(&mut examined);
        let found = examined.findings();
        let right =
            matches!(found.as_slice(), [one] if one.check == *check && one.what.contains(text));
        if !right {
            let said: Vec<String> = found
                .iter()
                .map(|f| format!("{}: {}", f.check, f.what))
                .collect();
            wrong.push(format!(
                "{name} on {node}: wanted {check}: …{text}…, got {said:#?}"
            ));
        }
        for finding in &found {
            assert!(
                !finding.why.is_empty() && !finding.confirm.is_empty() && !finding.fix.is_empty()
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_encrypted_overlay_that_is_well_gives_nothing() {
    let mut examined = examined("swarm/a");
    encrypt(&mut examined);
    let found = examined.findings();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_worst_comes_first() {
    let mut examined = examined("swarm/a");
    set(
        &mut examined,
        "lb_qookufxbb",
        "net.ipv4.vs.conn_reuse_mode",
        "1",
    );
    set(&mut examined, "host", "net.ipv4.ip_forward", "0");
    let found = examined.findings();
    let severities: Vec<Severity> = found.iter().map(|f| f.severity).collect();
    assert_eq!(severities, [Severity::Broken, Severity::Risky]);
}

#[test]
fn what_depends_on_the_client_is_a_note() {
    let mut examined = examined("swarm/a");
    replace(
        &mut examined,
        "host",
        "-A DOCKER-USER -j RETURN",
        "-A DOCKER-USER -s 203.0.113.0/24 -i eth0 -j DROP\n-A DOCKER-USER -j RETURN",
    );
    let found = examined.findings();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].severity, Severity::Note);
    assert!(found[0].what.contains("drops some packets to tcp/8080"));
}

#[test]
fn a_fix_sets_what_was_found() {
    let mut examined = examined("swarm/a");
    set(
        &mut examined,
        "ingress_sbox",
        "net.ipv4.conf.eth0.forwarding",
        "0",
    );
    neighbour_of(&mut examined, "10.0.0.6").mac = "02:42:0a:00:00:63".into();
    replace(
        &mut examined,
        "host",
        "-A DOCKER-USER -j RETURN",
        "-A DOCKER-USER -o docker_gwbridge -j DROP",
    );
    let found = examined.findings();
    let of = |id: Id| &found.iter().find(|f| f.id == id).unwrap().fix;
    assert!(of(Id::IpForwardOff).ends_with("sysctl -w net.ipv4.conf.eth0.forwarding=1"));
    assert!(of(Id::NeighbourWrong).contains("10.0.0.6 lladdr 02:42:0a:00:00:06 dev vxlan0"));
    assert!(of(Id::ForwardDrops).ends_with("iptables -D DOCKER-USER -o docker_gwbridge -j DROP"));
}

#[test]
fn a_card_of_a_vlan_is_written_as_sysctl_reads_it() {
    let mut examined = examined("swarm/a");
    for device in &mut namespace(&mut examined, "host").devices {
        if device.name == "eth0" {
            device.name = "eth0.7".into();
        }
    }
    set(
        &mut examined,
        "host",
        "net.ipv4.conf.eth0.7.forwarding",
        "0",
    );
    let found = examined.findings();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        found[0].fix,
        "sudo sysctl -w net.ipv4.conf.eth0/7.forwarding=1"
    );
}
