//! Connections that open and then break: resets, tasks that stop.

use super::{MESH, On, SCENARIO, Scenario, live};
use xtask::vm::Node::{A, Vm};

/// A request with a body that the task does not read, on both tasks.
const UNREAD: &str = "head -c 100000 /dev/zero >/tmp/body; \
     for i in 1 2; do curl -sS -m 3 -H 'Connection: close' -H 'Expect:' \
     --data-binary @/tmp/body http://192.168.90.1:8080/ & sleep 0.1; done; wait";

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "task-reset",
        about: "the task closes connections with data of the client's still unread",
        traffic: &[On(Vm, UNREAD)],
        healthy: Some(MESH),
        expect: &[live(A, "task-reset", "proven", "vote.", "")],
        ..SCENARIO
    },
    Scenario {
        name: "client-reset",
        about: "the client breaks off a download",
        traffic: &[On(
            Vm,
            "for i in 1 2; do curl -sS -m 1.5 --limit-rate 20k -o /dev/null \
             http://192.168.90.1:8080/bytes/4000000 & sleep 0.1; done; wait",
        )],
        healthy: Some(MESH),
        expect: &[live(A, "client-reset", "proven", "eth0 in", "")],
        ..SCENARIO
    },
    Scenario {
        name: "task-stopped-midstream",
        about: "the task on node a is killed in the middle of a request",
        traffic: &[On(
            Vm,
            "head -c 100000 /dev/zero >/tmp/body; \
             for i in 1 2; do curl -sS -m 6 -H 'Expect:' \
             --data-binary @/tmp/body http://192.168.90.1:8080/sleep/4000 & sleep 0.1; done; wait",
        )],
        during: &[On(A, "docker kill $(container vote)")],
        expect: &[live(A, "task-stopped-midstream", "proven", "vote.", "stopped")],
        ..SCENARIO
    },
];
