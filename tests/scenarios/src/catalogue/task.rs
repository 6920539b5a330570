//! Failures in the task: nobody listens, its firewall, it is silent.

use super::scenario::{INSIDE, On, SCENARIO, Scenario, found, live};
use swarm_vm::Node::{A, B, Vm};

/// The task's listener dies while its process goes on living.
const DEAF: &str = "docker pause $(container vote); task vote ss -K -l 'sport = :80'";

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "no-listener",
        about: "the listener in the task on node a is killed, the task lives",
        fault: &[On(A, DEAF)],
        expect: &[live(A, "no-listener", "likely", "vote.", "80")],
        ..SCENARIO
    },
    Scenario {
        name: "no-listener-on-other-node",
        about: "the listener in the task on node b is killed, the task lives",
        fault: &[On(B, DEAF)],
        expect: &[
            live(A, "refused-on-other-node", "likely", "", "node-b"),
            live(B, "no-listener", "likely", "vote.", "80"),
        ],
        ..SCENARIO
    },
    Scenario {
        name: "vip-no-listener",
        about: "the listener in the task on node a is killed, and a container dials the service",
        fault: &[On(A, DEAF)],
        traffic: INSIDE,
        follow: "--network overlay1 --port 80",
        expect: &[live(A, "no-listener", "likely", "vote.", "80")],
        ..SCENARIO
    },
    Scenario {
        name: "udp-no-listener",
        about: "the UDP port is redirected to one that nothing listens on, in the task on node a",
        fault: &[On(
            A,
            "task echo-udp iptables -t nat -I PREROUTING -p udp --dport 9053 -j REDIRECT --to-ports 9054; \
             task echo-udp iptables -I INPUT -p udp --dport 9054 -j ACCEPT",
        )],
        traffic: &[On(
            Vm,
            "for i in 1 2; do vmtool udp-send 192.168.90.1 9053 hello 2 & sleep 0.1; done; wait",
        )],
        follow: "--service echo-udp --port 9053",
        expect: &[live(A, "no-listener", "likely", "echo-udp.", "9053")],
        doctor: &[found(A, "task-rules", "udp/9053")],
        ..SCENARIO
    },
    Scenario {
        name: "task-firewall",
        about: "a DROP rule in the namespace of the task on node a",
        fault: &[On(
            A,
            "task vote iptables -I INPUT -p tcp --dport 80 -j DROP",
        )],
        expect: &[live(
            A,
            "task-firewall",
            "likely",
            "vote.",
            "NETFILTER_DROP",
        )],
        doctor: &[found(A, "task-rules", "tcp/80")],
        ..SCENARIO
    },
    Scenario {
        name: "port-not-exposed",
        about: "the rule that lets the published port into the task on node a is gone",
        fault: &[On(
            A,
            "task vote iptables -S INPUT | sed -n '/--dport.*ACCEPT/s/^-A/-D/p' | \
             while read rule; do task vote iptables $rule; done",
        )],
        expect: &[live(
            A,
            "task-firewall",
            "likely",
            "vote.",
            "NETFILTER_DROP",
        )],
        doctor: &[found(A, "task-rules", "tcp/80")],
        ..SCENARIO
    },
    Scenario {
        name: "task-rejects",
        about: "a REJECT rule (ICMP) in the namespace of the task on node a",
        fault: &[On(
            A,
            "task vote iptables -I INPUT -p tcp --dport 80 -j REJECT",
        )],
        expect: &[live(A, "task-firewall", "likely", "vote.", "ICMP")],
        doctor: &[found(A, "task-rules", "tcp/80")],
        ..SCENARIO
    },
    Scenario {
        name: "task-resets",
        about: "a REJECT rule with tcp-reset in the namespace of the task on node a",
        fault: &[On(
            A,
            "task vote iptables -I INPUT -p tcp --dport 80 -j REJECT --reject-with tcp-reset",
        )],
        // Docker's own rules in the task do not let such a reset out.
        expect: &[live(
            A,
            "task-firewall",
            "likely",
            "vote.",
            "NETFILTER_DROP",
        )],
        doctor: &[found(A, "task-rules", "tcp/80")],
        ..SCENARIO
    },
    Scenario {
        name: "redirect-missing",
        about: "the REDIRECT from the published port to the target port is gone in the task on node a",
        fault: &[On(A, "task vote iptables -t nat -F PREROUTING")],
        // Docker's own rules in the task let nothing but the target port in.
        expect: &[live(
            A,
            "task-firewall",
            "likely",
            "vote.",
            "NETFILTER_DROP",
        )],
        doctor: &[found(A, "task-rules", "8080")],
        ..SCENARIO
    },
];
