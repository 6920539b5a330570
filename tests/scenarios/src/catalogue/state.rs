//! Faults whose packets look like another's: only the state at the place where
//! they stop distinguishes them. Each has a sibling of the same kind.

use super::scenario::{INSIDE, On, SCENARIO, Scenario, found, live};
use swarm_vm::Node::{A, B};

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
        name: "neighbour-wrong-in-client",
        about: "the client's own neighbour table has a MAC that nobody has for a task on node a",
        traffic: &[On(
            A,
            "inside() { docker exec $(container client) vmtool get $(address direct overlay1) 80 / 3.6; }
             inside & inside & wait",
        )],
        follow: "--service direct",
        fault: &[On(
            A,
            "task client ip neigh replace $(address direct overlay1) \
             lladdr 02:42:0a:00:01:63 dev $(device 'task client' 10.0.1.) nud permanent",
        )],
        expect: &[live(A, "neighbour-wrong", "proven", "client", "MAC")],
        ..SCENARIO
    },
    Scenario {
        name: "address-lost",
        about: "vote's task on node b has lost its address on the ingress network",
        fault: &[On(
            B,
            "task vote ip addr flush dev $(device 'task vote' 10.0.0.)",
        )],
        expect: &[live(B, "address-missing", "proven", "vote", "10.0.0.")],
        doctor: &[found(B, "addresses", "10.0.0.")],
        ..SCENARIO
    },
    Scenario {
        name: "address-lost-overlay",
        about: "direct's task on node b has lost its address on overlay1",
        traffic: &[On(
            A,
            "remote=$(docker exec $(container client) vmtool lookup direct 2>/dev/null | tr ' ' '\\n' \
             | grep -vxF $(address direct overlay1) | grep '^10\\.' | head -n1); \
             inside() { docker exec $(container client) vmtool get ${remote:-direct} 80 / 3.6; }
             inside & inside & inside & wait",
        )],
        follow: "--service direct",
        fault: &[On(
            B,
            "task direct ip addr flush dev $(device 'task direct' 10.0.1.)",
        )],
        expect: &[live(B, "address-missing", "proven", "direct", "10.0.1.")],
        doctor: &[found(B, "addresses", "10.0.1.")],
        ..SCENARIO
    },
    Scenario {
        name: "gateway-bridge-down",
        about: "node a's docker_gwbridge is down",
        fault: &[On(A, "ip link set docker_gwbridge down")],
        expect: &[live(A, "device-down", "proven", "eth0", "docker_gwbridge is down")],
        ..SCENARIO
    },
    Scenario {
        name: "overlay-bridge-down",
        about: "the bridge of the ingress network on node b is down",
        fault: &[On(B, "ov ingress ip link set br0 down")],
        expect: &[live(B, "device-down", "proven", "", "br0 is down")],
        doctor: &[found(B, "sandboxes", "br0")],
        ..SCENARIO
    },
    Scenario {
        name: "task-device-down",
        about: "the NIC of vote's task on node b is down",
        fault: &[On(
            B,
            "task vote ip link set $(device 'task vote' 10.0.0.) down",
        )],
        expect: &[live(B, "device-down", "proven", "", "is down")],
        ..SCENARIO
    },
    Scenario {
        name: "virtual-address-lost",
        about: "node a's lb_ sandbox has lost vote's virtual address",
        traffic: INSIDE,
        follow: "--service vote",
        fault: &[On(
            A,
            "vip=$(vip); lb ip addr del $vip/32 dev $(device lb 10.0.1.)",
        )],
        expect: &[live(A, "virtual-address-missing", "proven", "client", "virtual address")],
        doctor: &[found(A, "marks", "")],
        ..SCENARIO
    },
];
