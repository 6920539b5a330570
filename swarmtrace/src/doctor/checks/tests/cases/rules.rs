//! The rules of the host, the sandboxes and the tasks.

use super::Case;
use crate::doctor::checks::tests::breaking::{drop_by_policy, namespace, remove, replace, rules};
use crate::doctor::fixtures::address;
use crate::firewall::Backend;
use crate::topology::IpvsMatch;

pub const CASES: &[Case] = &[
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
            drop_by_policy(e);
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
