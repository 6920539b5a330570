//! A node with two ways to its client: the request comes in by one interface, the
//! answer leaves by another.
//!
//! The second wire is not in the saved Swarm; `second_wire` makes it, with the
//! address 192.168.91.1 on node a's eth1. The client dials that and has 192.168.90.254
//! as its own address, to which node a's route leads through eth0.

use super::scenario::{On, SCENARIO, Scenario, live};
use swarm_vm::Node::{A, B, Vm};

const TWO_WAYS: &[On] = &[On(
    Vm,
    "second_wire; ip route add 192.168.91.1/32 dev wire2 src 192.168.90.254",
)];

/// The external client asks node a at its second address.
const SECOND: &[On] = &[On(
    Vm,
    "for i in 1 2; do vmtool get 192.168.91.1 8080 / 3.6 & sleep 0.1; done; wait",
)];

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "two-ways-pass",
        about: "requests come in by node a's eth1 and the answers leave by its eth0, which works",
        setup: TWO_WAYS,
        fault: &[On(A, "sysctl -qw net.ipv4.conf.eth1.rp_filter=2")],
        traffic: SECOND,
        nothing_fails: true,
        ..SCENARIO
    },
    Scenario {
        name: "two-ways-reverse-path-filter",
        about: "node a's eth1 filters strictly by reverse path, and the route to the client is by eth0",
        setup: TWO_WAYS,
        fault: &[On(A, "sysctl -qw net.ipv4.conf.eth1.rp_filter=1")],
        traffic: SECOND,
        expect: &[live(
            A,
            "reverse-path-filter|forward-drop",
            "likely",
            "eth1 in",
            "",
        )],
        ..SCENARIO
    },
    Scenario {
        name: "two-ways-answer-dropped",
        about: "what is on the way back has not seen the request, and drops node a's answers",
        setup: TWO_WAYS,
        fault: &[On(
            Vm,
            "iptables -I INPUT -i wire -s 192.168.91.1 -p tcp -j DROP",
        )],
        traffic: SECOND,
        expect: &[
            live(A, "unknown", "unknown", "eth0 out", "SYN-ACK"),
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
