//! Faults whose packets look like another's: only the state at the place where
//! they stop distinguishes them.

use super::scenario::{On, SCENARIO, Scenario, found, live};
use swarm_vm::Node::A;

pub(super) const ALL: &[Scenario] = &[Scenario {
    name: "reject-forward",
    about: "node a's FORWARD chain rejects with ICMP host prohibited, as firewalld does",
    fault: &[On(
        A,
        "iptables -I FORWARD -o docker_gwbridge -j REJECT --reject-with icmp-host-prohibited",
    )],
    expect: &[live(A, "forward-drop", "likely", "eth0", "rejects it")],
    doctor: &[found(A, "forward", "8080")],
    ..SCENARIO
}];
