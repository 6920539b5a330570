//! Failures that take a service of their own.

use super::{On, SCENARIO, Scenario, found, live};
use xtask::vm::Node::{A, Vm};

/// A service on node a whose process listens some seconds after its start.
const SLOW: &str = "docker service create -d -q --no-resolve-image --name slow --replicas 0 \
     --constraint node.hostname==node-a -p 8090:80 --env TASK=slow.1 \
     vote:latest sh -c 'sleep 5; exec vmtool http 80' >/dev/null";

/// Its task started, listening and in IPVS.
const STARTED: &str = "docker service scale -d slow=1; \
     until docker exec $(container slow) vmtool get 127.0.0.1 80 / 1; do sleep 0.5; done; sleep 1; \
     vmtool get 192.168.90.1 8090 / 5";

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "task-starting",
        about: "connections come while a task starts that does not listen yet",
        setup: &[On(A, SLOW)],
        traffic: &[On(
            Vm,
            "for i in $(seq 30); do vmtool get 192.168.90.1 8090 / 1; sleep 0.3; done",
        )],
        during: &[On(A, "docker service scale -d slow=1")],
        healthy: Some(&[On(A, STARTED)]),
        follow: "--service slow --port 8090",
        expect: &[
            live(A, "ipvs-no-destination", "proven", "ingress_sbox", ""),
            live(A, "task-starting", "likely", "slow.1", "start"),
        ],
        ..SCENARIO
    },
    Scenario {
        name: "published-port-taken",
        about: "a process of node a's own listens on a port before a service publishes it",
        fault: &[
            On(
                A,
                "setsid vmtool http 8090 >/dev/null 2>&1 </dev/null & sleep 0.5",
            ),
            On(A, SLOW),
        ],
        doctor: &[found(A, "port-conflicts", "8090")],
        ..SCENARIO
    },
];
