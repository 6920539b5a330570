//! Faults whose packets look like another's: only the state at the place where
//! they stop distinguishes them.

use super::scenario::{On, SCENARIO, Scenario, found, live};
use swarm_vm::Node::A;

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "reject-forward",
        about: "node a's FORWARD chain rejects with ICMP host prohibited, as firewalld does",
        fault: &[On(
            A,
            "iptables -I FORWARD -o docker_gwbridge -j REJECT --reject-with icmp-host-prohibited",
        )],
        expect: &[live(A, "forward-drop", "likely", "eth0", "rejects it")],
        doctor: &[found(A, "forward", "8080")],
        ..SCENARIO
    },
    Scenario {
        name: "neighbour-wrong",
        about: "ingress_sbox of node a has a wrong MAC for the task on node b",
        fault: &[On(
            A,
            "sbox ip neigh replace $(remote) lladdr 02:42:0a:00:00:99 dev $(device sbox 10.0.0.) \
             nud permanent",
        )],
        expect: &[live(
            A,
            "neighbour-wrong",
            "proven",
            "ingress_sbox",
            "02:42:0a:00:00:99",
        )],
        ..SCENARIO
    },
    Scenario {
        name: "gateway-bridge-down",
        about: "node a's docker_gwbridge is down",
        fault: &[On(A, "ip link set docker_gwbridge down")],
        expect: &[live(
            A,
            "device-down",
            "proven",
            "eth0",
            "docker_gwbridge is down",
        )],
        doctor: &[found(A, "sandboxes", "docker_gwbridge")],
        ..SCENARIO
    },
];
