//! The ground truth itself, without swarmtrace: what tcpdump sees of each kind of flow
//! in the replica is the path that Docker's wiring prescribes, so the other tests
//! compare with something right.

use bed::traffic::{datagram, request, request_answered_by};
use needs::needs;
use replica::Listener;
use replica::plan::{BACKNET, ECHO, HOSTED_PORT, VOTE};
use replica::{Replica, Side};
use std::net::SocketAddr;
use truth::Flow;

/// A port of `docker_gwbridge` has a random name: `port` stands for it.
fn path(flow: &Flow, phase: &str, leg: &str) -> Vec<String> {
    let plain = |step: &String| match step.split(' ').collect::<Vec<_>>()[..] {
        [node, host, device, way] if node == host && device.starts_with("veth") => {
            format!("{host} port {way}")
        }
        [node, host, device, way] if node == host => format!("{host} {device} {way}"),
        [node, namespace, device, way] => {
            format!("{} {namespace} {device} {way}", &node[5..])
        }
        _ => step.clone(),
    };
    flow.path(phase, leg).iter().map(plain).collect()
}

#[track_caller]
fn assert_path(flow: &Flow, forward: &[&[&str]], reply: &[&[&str]]) {
    let (forward, reply) = (forward.concat(), reply.concat());
    let phases = match flow.isn {
        Some(_) => vec![
            ("syn", "forward"),
            ("syn_ack", "reply"),
            ("request", "forward"),
            ("response", "reply"),
            ("fin", "forward"),
            ("fin", "reply"),
        ],
        None => vec![("request", "forward"), ("response", "reply")],
    };
    for (phase, leg) in phases {
        let expected = if leg == "forward" { &forward } else { &reply };
        assert_eq!(&path(flow, phase, leg), expected, "{phase} {leg}");
    }
}

const FROM_OUTSIDE: &[&str] = &[
    "client eth0 out",
    "node-a eth0 in",
    "node-a docker_gwbridge out",
];
const TO_OUTSIDE: &[&str] = &[
    "node-a docker_gwbridge in",
    "node-a eth0 out",
    "client eth0 in",
];
const INTO_MESH: &[&str] = &[
    "node-a port out",
    "a ingress_sbox eth1 in",
    "a ingress_sbox eth0 out",
    "a 1-f0l1ik19u8 veth0 in",
];
const OUT_OF_MESH: &[&str] = &[
    "a 1-f0l1ik19u8 veth0 out",
    "a ingress_sbox eth0 in",
    "a ingress_sbox eth1 out",
    "node-a port in",
];
const MESH_A_TO_B: &[&str] = &[
    "a 1-f0l1ik19u8 vxlan0 out",
    "node-a eth1 out",
    "node-b eth1 in",
    "b 1-f0l1ik19u8 vxlan0 in",
];
const MESH_B_TO_A: &[&str] = &[
    "b 1-f0l1ik19u8 vxlan0 out",
    "node-b eth1 out",
    "node-a eth1 in",
    "a 1-f0l1ik19u8 vxlan0 in",
];
const NET_A_TO_B: &[&str] = &[
    "a 1-qookufxbbm vxlan0 out",
    "node-a eth1 out",
    "node-b eth1 in",
    "b 1-qookufxbbm vxlan0 in",
];
const NET_B_TO_A: &[&str] = &[
    "b 1-qookufxbbm vxlan0 out",
    "node-b eth1 out",
    "node-a eth1 in",
    "a 1-qookufxbbm vxlan0 in",
];
const FROM_CLIENT: &[&str] = &["a client.1 eth0 out", "a 1-qookufxbbm veth2 in"];
const TO_CLIENT: &[&str] = &["a 1-qookufxbbm veth2 out", "a client.1 eth0 in"];
const THROUGH_LB: &[&str] = &[
    "a 1-qookufxbbm veth0 out",
    "a lb_qookufxbb eth0 in",
    "a lb_qookufxbb eth0 out",
    "a 1-qookufxbbm veth0 in",
];

#[test]
fn each_kind_of_flow_takes_its_prescribed_path() {
    needs!(Root);
    let replica = Replica::start();
    let listener = Listener::start(&replica);
    let client = replica.client();
    let container = replica.task("client.1");
    let mesh = SocketAddr::from((Side::A.front(), VOTE.published));
    let loopback = SocketAddr::from(([127, 0, 0, 1], VOTE.published));

    let to_local = request_answered_by(client, mesh, "vote.1");
    let to_remote = request_answered_by(client, mesh, "vote.2");
    let vip_local = request_answered_by(container, (VOTE.vip(), 80), "vote.1");
    let vip_remote = request_answered_by(container, (VOTE.vip(), 80), "vote.2");
    let direct = request(container, (BACKNET.address(10), 80)).expect("direct.2");
    let direct6 = request(container, (BACKNET.address6(10), 80)).expect("direct.2, IPv6");
    let host = replica.node(Side::A).host();
    let own = request_answered_by(host, loopback, "vote.2");
    let hosted = request(client, (Side::A.front(), HOSTED_PORT)).expect("hosted.1");
    let echo = datagram(client, (Side::A.front(), ECHO.published)).expect("echo.1");
    let seen = listener.stop();
    let tcp = |exchange: &bed::traffic::Exchange| Flow::tcp(&seen, exchange.local.port());

    assert_path(
        &tcp(&to_local),
        &[
            FROM_OUTSIDE,
            INTO_MESH,
            &["a 1-f0l1ik19u8 veth1 out", "a vote.1 eth0 in"],
        ],
        &[
            &["a vote.1 eth0 out", "a 1-f0l1ik19u8 veth1 in"],
            OUT_OF_MESH,
            TO_OUTSIDE,
        ],
    );
    let vote_2 = &["b 1-f0l1ik19u8 veth1 out", "b vote.2 eth0 in"];
    let from_vote_2 = &["b vote.2 eth0 out", "b 1-f0l1ik19u8 veth1 in"];
    assert_path(
        &tcp(&to_remote),
        &[FROM_OUTSIDE, INTO_MESH, MESH_A_TO_B, vote_2],
        &[from_vote_2, MESH_B_TO_A, OUT_OF_MESH, TO_OUTSIDE],
    );
    assert_path(
        &tcp(&own),
        &[
            &["node-a docker_gwbridge out"],
            INTO_MESH,
            MESH_A_TO_B,
            vote_2,
        ],
        &[
            from_vote_2,
            MESH_B_TO_A,
            OUT_OF_MESH,
            &["node-a docker_gwbridge in"],
        ],
    );
    let echo = Flow::udp(&seen, &echo.sent, &echo.received);
    assert_path(
        &echo,
        &[
            FROM_OUTSIDE,
            INTO_MESH,
            MESH_A_TO_B,
            &["b 1-f0l1ik19u8 veth2 out", "b echo.1 eth0 in"],
        ],
        &[
            &["b echo.1 eth0 out", "b 1-f0l1ik19u8 veth2 in"],
            MESH_B_TO_A,
            OUT_OF_MESH,
            TO_OUTSIDE,
        ],
    );
    assert_path(
        &tcp(&vip_local),
        &[
            FROM_CLIENT,
            THROUGH_LB,
            &["a 1-qookufxbbm veth1 out", "a vote.1 eth1 in"],
        ],
        &[
            &["a vote.1 eth1 out", "a 1-qookufxbbm veth1 in"],
            THROUGH_LB,
            TO_CLIENT,
        ],
    );
    assert_path(
        &tcp(&vip_remote),
        &[
            FROM_CLIENT,
            THROUGH_LB,
            NET_A_TO_B,
            &["b 1-qookufxbbm veth1 out", "b vote.2 eth1 in"],
        ],
        &[
            &["b vote.2 eth1 out", "b 1-qookufxbbm veth1 in"],
            NET_B_TO_A,
            THROUGH_LB,
            TO_CLIENT,
        ],
    );
    for flow in [tcp(&direct), tcp(&direct6)] {
        assert_path(
            &flow,
            &[
                FROM_CLIENT,
                NET_A_TO_B,
                &["b 1-qookufxbbm veth2 out", "b direct.2 eth0 in"],
            ],
            &[
                &["b direct.2 eth0 out", "b 1-qookufxbbm veth2 in"],
                NET_B_TO_A,
                TO_CLIENT,
            ],
        );
    }
    assert_path(
        &tcp(&hosted),
        &[FROM_OUTSIDE, &["node-a port out", "a hosted.1 eth1 in"]],
        &[&["a hosted.1 eth1 out", "node-a port in"], TO_OUTSIDE],
    );
}
