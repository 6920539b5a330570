//! Connections that open and then break: resets, tasks that stop.

use super::scenario::{MESH, On, SCENARIO, Scenario, live};
use swarm_vm::Node::{A, B, Vm};

/// A request with a body that the task does not read, on both tasks.
const UNREAD: &str = "head -c 100000 /dev/zero >/tmp/body; \
     for i in 1 2; do curl -sS -m 3 -H 'Connection: close' -H 'Expect:' \
     --data-binary @/tmp/body http://192.168.90.1:8080/sleep/700 & sleep 0.1; done; wait";

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "task-reset",
        about: "the task closes connections with data of the client's still unread",
        traffic: &[On(Vm, UNREAD)],
        healthy: Some(MESH),
        expect: &[
            live(A, "task-reset", "likely", "vote.", ""),
            live(A, "reset-on-other-node", "likely", "eth0 in", "node-b"),
            live(B, "task-reset", "likely", "vote.", ""),
        ],
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
        expect: &[
            live(A, "client-reset", "likely", "eth0 in", ""),
            live(B, "client-reset", "likely", "eth0 in", "other node"),
        ],
        ..SCENARIO
    },
    Scenario {
        name: "task-stopped-midstream",
        about: "the task on node a is stopped in the middle of a request, with data still unread",
        traffic: &[On(
            Vm,
            "ask='GET /sleep/8000 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'; \
             for i in 1 2; do { printf \"$ask\"; sleep 0.5; printf 'GET / '; sleep 8; } | \
             timeout 9 busybox nc 192.168.90.1 8080 & sleep 0.1; done; wait",
        )],
        during: &[On(A, "docker stop -t 1 $(container vote)")],
        healthy: Some(MESH),
        expect: &[live(
            A,
            "task-stopped-midstream",
            "likely",
            "vote.",
            "stopped",
        )],
        ..SCENARIO
    },
];
