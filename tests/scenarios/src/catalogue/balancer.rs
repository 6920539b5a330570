//! Failures of the load balancers: marks, IPVS, SNAT, settings of their sandboxes.

use super::scenario::{INSIDE, MESH, On, SCENARIO, Scenario, found, live};
use swarm_vm::Node::{A, B, Vm};

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "ipvs-no-destination",
        about: "IPVS has lost every task of the service on node a",
        fault: &[On(
            A,
            "for task in $(tasks); do sbox ipvsadm -d -f $(mark) -r $task; done",
        )],
        expect: &[live(
            A,
            "ipvs-no-destination",
            "likely",
            "ingress_sbox",
            "no destination",
        )],
        doctor: &[found(A, "ipvs", "")],
        ..SCENARIO
    },
    Scenario {
        name: "ipvs-service-missing",
        about: "IPVS has lost the service on node a",
        fault: &[On(A, "sbox ipvsadm -D -f $(mark)")],
        expect: &[live(
            A,
            "ipvs-service-missing",
            "likely",
            "ingress_sbox",
            "no service for mark",
        )],
        doctor: &[found(A, "marks", "no IPVS service")],
        ..SCENARIO
    },
    Scenario {
        name: "mark-missing",
        about: "the rule that marks the published port is gone in node a's sandbox",
        fault: &[On(A, "sbox iptables -t mangle -F PREROUTING")],
        expect: &[live(
            A,
            "ipvs-service-missing",
            "likely",
            "ingress_sbox",
            "the mark is what is missing",
        )],
        doctor: &[found(A, "marks", "8080")],
        ..SCENARIO
    },
    Scenario {
        name: "vip-service-missing",
        about: "overlay1's load balancer on node a has lost the service",
        fault: &[On(A, "lb iptables -t mangle -F INPUT")],
        traffic: INSIDE,
        follow: "--network overlay1 --port 80",
        expect: &[live(
            A,
            "ipvs-service-missing",
            "likely",
            "lb_",
            "the mark is what is missing",
        )],
        doctor: &[found(A, "marks", "")],
        ..SCENARIO
    },
    Scenario {
        name: "stale-backend",
        about: "IPVS on node a sends to an address that no task has any more",
        fault: &[On(A, "sbox ipvsadm -a -f $(mark) -r 10.0.0.77 -m")],
        traffic: &[On(
            Vm,
            "for i in 1 2 3; do vmtool get 192.168.90.1 8080 / 5 & sleep 0.1; done; wait",
        )],
        healthy: Some(MESH),
        expect: &[live(
            A,
            "stale-backend",
            "likely",
            "ingress_sbox",
            "10.0.0.77",
        )],
        doctor: &[found(A, "ipvs", "10.0.0.77")],
        ..SCENARIO
    },
    Scenario {
        name: "neighbour-missing",
        about: "node a has no neighbour entry for the task on node b",
        fault: &[On(
            A,
            "ov ingress ip neigh del $(remote) dev vxlan0; \
             sbox ip neigh flush dev $(device sbox 10.0.0.)",
        )],
        traffic: &[On(
            Vm,
            "for i in 1 2; do vmtool get 192.168.90.1 8080 / 5 & sleep 0.1; done; wait",
        )],
        healthy: Some(MESH),
        expect: &[live(A, "neighbour-missing", "likely", "ingress_sbox", "")],
        doctor: &[found(A, "neighbours", "")],
        ..SCENARIO
    },
    Scenario {
        name: "snat-missing",
        about: "the SNAT rule is gone in node a's sandbox",
        fault: &[On(
            A,
            "sbox iptables -t nat -D POSTROUTING -d 10.0.0.0/24 -m ipvs --ipvs -j SNAT \
             --to-source $(sbox ip -o -4 addr | sed -n 's/.*inet \\(10.0.0.[0-9]*\\)\\/24.*/\\1/p')",
        )],
        expect: &[
            live(A, "snat-missing", "likely", "ingress_sbox", "client itself"),
            live(B, "snat-missing", "likely", "eth0 in", "192.168.90.1"),
        ],
        doctor: &[found(A, "snat", "")],
        ..SCENARIO
    },
    Scenario {
        name: "sandbox-ip-forward",
        about: "ip_forward is off in node a's sandbox",
        fault: &[On(A, "sbox sysctl -qw net.ipv4.ip_forward=0")],
        expect: &[
            live(A, "sandbox-ip-forward", "likely", "ingress_sbox", ""),
            live(
                B,
                "left-for-other-node",
                "unknown",
                "eth0 out",
                "192.168.90.1",
            ),
        ],
        doctor: &[found(A, "forwarding", "ingress_sbox")],
        ..SCENARIO
    },
    Scenario {
        name: "ipvs-connection-forgotten",
        about: "IPVS on node a forgets an idle connection (after 1 s instead of 900)",
        fault: &[On(A, "sbox ipvsadm --set 1 1 1")],
        traffic: &[On(
            Vm,
            "ask='GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'; \
             for i in 1 2; do { printf \"$ask\"; sleep 3.5; printf \"$ask\"; sleep 1; } | \
             timeout 6 busybox nc 192.168.90.1 8080 & sleep 0.1; done; wait",
        )],
        expect: &[live(
            A,
            "ipvs-connection-forgotten",
            "likely",
            "ingress_sbox",
            "",
        )],
        ..SCENARIO
    },
];
