//! Failures on the node itself: before the routing mesh's sandbox gets a packet.

use super::scenario::{MESH, On, SCENARIO, Scenario, found, live};
use swarm_vm::Node::{A, B, Vm};

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "ingress-dnat-missing",
        about: "the DNAT rules of DOCKER-INGRESS are flushed on node a",
        fault: &[On(A, "iptables -t nat -F DOCKER-INGRESS")],
        expect: &[live(
            A,
            "ingress-dnat-missing",
            "likely",
            "eth0",
            "docker_gwbridge",
        )],
        doctor: &[found(A, "mesh-dnat", "8080")],
        ..SCENARIO
    },
    Scenario {
        name: "ingress-ipv6",
        about: "a client dials the published port by IPv6",
        setup: &[
            On(A, "ip -6 addr add fd90::1/64 dev eth0 nodad"),
            On(Vm, "ip -6 addr add fd90::254/64 dev wire nodad"),
        ],
        traffic: &[On(Vm, "curl -sS -m 2.5 'http://[fd90::1]:8080/'")],
        healthy: Some(MESH),
        expect: &[live(A, "ingress-ipv6", "likely", "eth0", "docker_gwbridge")],
        ..SCENARIO
    },
    Scenario {
        name: "forward-drop",
        about: "node a's FORWARD chain drops by policy, and Docker's rules for it are flushed",
        fault: &[On(
            A,
            "iptables -P FORWARD DROP; iptables -F DOCKER-INGRESS; iptables -F DOCKER-USER; \
             iptables -D FORWARD -i docker_gwbridge ! -o docker_gwbridge -j ACCEPT",
        )],
        expect: &[live(A, "forward-drop", "likely", "eth0 in", "")],
        doctor: &[found(A, "forward", "8080")],
        ..SCENARIO
    },
    Scenario {
        name: "forward-rule",
        about: "a DROP rule for docker_gwbridge in node a's FORWARD chain",
        fault: &[On(
            A,
            "iptables -I FORWARD -i eth0 -o docker_gwbridge -j DROP",
        )],
        expect: &[live(A, "forward-drop", "likely", "eth0 in", "")],
        doctor: &[found(A, "forward", "")],
        ..SCENARIO
    },
    Scenario {
        name: "reverse-path-filter",
        about: "node a filters strictly by reverse path and has its route to the client elsewhere",
        fault: &[On(
            A,
            "sysctl -qw net.ipv4.conf.eth0.rp_filter=1; \
             ip route add 192.168.90.254/32 dev docker_gwbridge",
        )],
        expect: &[live(
            A,
            "reverse-path-filter|forward-drop",
            "likely",
            "eth0 in",
            "",
        )],
        ..SCENARIO
    },
    Scenario {
        name: "ingress-sandbox-gone",
        about: "the sandbox's leg on docker_gwbridge has lost its address",
        fault: &[On(A, "sbox ip addr flush dev $(device sbox 172.18.)")],
        traffic: &[On(
            Vm,
            "for i in 1 2; do vmtool get 192.168.90.1 8080 / 5 & sleep 0.1; done; wait",
        )],
        healthy: Some(MESH),
        expect: &[live(A, "ingress-sandbox-gone", "likely", "", "172.18.0.2")],
        doctor: &[found(A, "sandboxes", "")],
        ..SCENARIO
    },
    Scenario {
        name: "hairpin",
        about: "a container dials its own node's published port, and br_netfilter is off",
        fault: &[On(A, "sysctl -qw net.bridge.bridge-nf-call-iptables=0")],
        traffic: &[On(
            A,
            "for i in 1 2; do docker exec $(container client) vmtool get 192.168.90.1 8080 / 2.5; done",
        )],
        expect: &[
            live(
                A,
                "hairpin-without-br-netfilter",
                "likely",
                "",
                "172.18.0.2",
            ),
            live(B, "client-reset", "likely", "eth0 in", "other node"),
        ],
        doctor: &[found(A, "sysctls", "bridge-nf-call-iptables")],
        ..SCENARIO
    },
    Scenario {
        name: "reply-not-translated",
        about: "conntrack passes the sandbox's answers by untracked, so they keep their own address",
        fault: &[On(
            A,
            "iptables -t raw -I PREROUTING -i docker_gwbridge -p tcp --sport 8080 -j NOTRACK",
        )],
        expect: &[
            live(A, "reply-not-translated", "likely", "", "172.18.0.2"),
            live(
                B,
                "left-for-other-node",
                "unknown",
                "eth0 out",
                "192.168.90.1",
            ),
        ],
        ..SCENARIO
    },
];
