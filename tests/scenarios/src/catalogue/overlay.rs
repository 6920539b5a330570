//! Failures between the nodes: forwarding entries, VXLAN, MTU, checksums.

use super::scenario::{INSIDE, MESH, On, SCENARIO, Scenario, found, live};
use swarm_vm::Node::{A, B, Vm};

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "fdb-missing",
        about: "node a has no forwarding entry for the task on node b",
        fault: &[On(
            A,
            "ov ingress bridge fdb del $(mac $(remote)) dev vxlan0 dst 192.168.90.2 self",
        )],
        expect: &[live(
            A,
            "fdb-missing",
            "likely",
            "vxlan0 out",
            "no forwarding entry",
        )],
        doctor: &[found(A, "neighbours", "")],
        ..SCENARIO
    },
    Scenario {
        name: "fdb-wrong-node",
        about: "node a's forwarding entry for the task on node b names another machine",
        fault: &[On(
            A,
            "ov ingress bridge fdb replace $(mac $(remote)) dev vxlan0 dst 192.168.90.254 self permanent",
        )],
        expect: &[live(A, "fdb-wrong-node", "likely", "", "192.168.90.254")],
        doctor: &[found(A, "neighbours", "192.168.90.254")],
        ..SCENARIO
    },
    Scenario {
        name: "neighbour-corrupt",
        about: "node a's neighbour entry for the task on node b has a MAC that nobody has",
        fault: &[On(
            A,
            "ov ingress ip neigh replace $(remote) lladdr 02:42:0a:00:00:99 dev vxlan0 nud permanent; \
             sbox ip neigh flush dev $(device sbox 10.0.0.)",
        )],
        expect: &[live(
            A,
            "neighbour-wrong",
            "likely",
            "ingress_sbox",
            "02:42:0a:00:00:99",
        )],
        doctor: &[found(A, "neighbours", "")],
        ..SCENARIO
    },
    Scenario {
        name: "neighbour-missing-return",
        about: "node b has no neighbour entry for node a's load balancer, so its task cannot answer",
        fault: &[On(
            B,
            "ov ingress ip neigh flush dev vxlan0 nud permanent; \
                 task vote ip neigh flush all",
        )],
        expect: &[
            live(A, "left-for-other-node", "unknown", "eth0 out", "node-b"),
            live(B, "neighbour-missing-return", "likely", "", ""),
        ],
        doctor: &[found(B, "neighbours", "")],
        ..SCENARIO
    },
    Scenario {
        name: "fdb-missing-return",
        about: "node b has no forwarding entry for node a's load balancer",
        fault: &[On(
            B,
            "for mac in $(ov ingress bridge fdb show dev vxlan0 | sed -n 's/ dst .*//p'); do \
             ov ingress bridge fdb del $mac dev vxlan0 dst 192.168.90.1 self; done; \
             ov ingress ip link set vxlan0 type vxlan nolearning",
        )],
        expect: &[
            live(A, "left-for-other-node", "unknown", "eth0 out", "node-b"),
            live(B, "fdb-missing", "likely", "vxlan0 out", ""),
        ],
        doctor: &[found(B, "neighbours", "")],
        ..SCENARIO
    },
    Scenario {
        name: "vxlan-blocked-on-node",
        about: "node b's firewall drops UDP 4789",
        fault: &[On(B, "iptables -I INPUT -p udp --dport 4789 -j DROP")],
        expect: &[
            live(A, "left-for-other-node", "unknown", "eth0 out", "node-b"),
            live(B, "vxlan-blocked-on-node", "likely", "eth0 in", ""),
        ],
        doctor: &[found(B, "node-ports", "4789")],
        ..SCENARIO
    },
    Scenario {
        name: "vxlan-blocked-on-path",
        about: "UDP 4789 is dropped between the nodes",
        fault: &[On(Vm, "iptables -I FORWARD -p udp --dport 4789 -j DROP")],
        expect: &[live(
            A,
            "left-for-other-node",
            "unknown",
            "eth0 out",
            "node-b",
        )],
        ..SCENARIO
    },
    Scenario {
        name: "vxlan-blocked-on-return-path",
        about: "UDP 4789 is dropped between the nodes, from node b to node a only",
        fault: &[On(
            Vm,
            "iptables -I FORWARD -s 192.168.90.2 -p udp --dport 4789 -j DROP",
        )],
        expect: &[
            live(A, "left-for-other-node", "unknown", "eth0 out", "node-b"),
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
    Scenario {
        name: "source-vtep-mismatch",
        about: "node a sends VXLAN from another address than the one it advertised",
        fault: &[On(
            A,
            "ip addr add 192.168.90.11/24 dev eth0; \
             ip route change 192.168.90.0/24 dev eth0 src 192.168.90.11",
        )],
        expect: &[
            live(
                A,
                "source-vtep-mismatch",
                "likely",
                "eth0 out",
                "192.168.90.11",
            ),
            live(
                B,
                "source-vtep-mismatch",
                "likely",
                "eth0 in",
                "192.168.90.11",
            ),
        ],
        doctor: &[found(A, "vtep", "192.168.90.11")],
        ..SCENARIO
    },
    Scenario {
        name: "overlay-network-absent",
        about: "node b does not have the ingress network's VXLAN device up",
        fault: &[On(B, "ov ingress ip link set vxlan0 down")],
        expect: &[
            live(A, "left-for-other-node", "unknown", "eth0 out", "node-b"),
            live(
                B,
                "device-down|overlay-network-absent",
                "likely",
                "eth0 in",
                "",
            ),
        ],
        doctor: &[found(B, "sandboxes", "vxlan0"), found(B, "neighbours", "")],
        ..SCENARIO
    },
    Scenario {
        name: "mtu-black-hole",
        about: "the path between the nodes drops large datagrams and says nothing",
        fault: &[On(
            Vm,
            "iptables -I FORWARD -p udp --dport 4789 -m length --length 1000:65535 -j DROP",
        )],
        traffic: &[On(
            Vm,
            "for i in 1 2; do vmtool get 192.168.90.1 8080 /bytes/6000 3 >/dev/null & sleep 0.1; done; wait",
        )],
        expect: &[live(B, "mtu-black-hole", "likely", "eth0 out", "")],
        ..SCENARIO
    },
    Scenario {
        name: "checksum-corruption",
        about: "packets to node b are damaged on their way through node a's overlay",
        fault: &[On(
            A,
            "sbox ethtool -K $(device sbox 10.0.0.) tx off >/dev/null; modprobe act_pedit cls_u32; \
             ov ingress tc qdisc add dev vxlan0 clsact; \
             ov ingress tc filter add dev vxlan0 egress protocol ip prio 60000 u32 match u32 0 0 \
             action pedit munge offset 28 u32 set 0x12345678",
        )],
        expect: &[
            live(A, "left-for-other-node", "unknown", "eth0 out", "node-b"),
            live(
                B,
                "checksum-corruption|task-firewall|task-silent",
                "likely",
                "vote.",
                "",
            ),
        ],
        ..SCENARIO
    },
    Scenario {
        name: "vip-fdb-missing",
        about: "overlay1 on node a has no forwarding entries for the containers on node b",
        fault: &[On(
            A,
            "for mac in $(ov overlay1 bridge fdb show dev vxlan0 | sed -n 's/ dst .*//p'); do \
             ov overlay1 bridge fdb del $mac dev vxlan0 dst 192.168.90.2 self; done",
        )],
        traffic: INSIDE,
        follow: "--network overlay1 --port 80",
        expect: &[live(
            A,
            "fdb-missing",
            "likely",
            "vxlan0 out",
            "no forwarding entry",
        )],
        doctor: &[found(A, "neighbours", "")],
        ..SCENARIO
    },
    Scenario {
        name: "duplicate-address",
        about: "a second endpoint on node a has the address of vote's task there",
        fault: &[On(
            A,
            "task echo-udp ip addr add $(address vote ingress)/24 dev $(device 'task echo-udp' 10.0.0.); \
             sbox ip neigh replace $(address vote ingress) lladdr $(mac $(address echo-udp ingress)) \
             dev $(device sbox 10.0.0.) nud reachable",
        )],
        healthy: Some(MESH),
        expect: &[live(A, "duplicate-address", "likely", "", "belongs to")],
        doctor: &[found(A, "duplicates", "")],
        ..SCENARIO
    },
];
