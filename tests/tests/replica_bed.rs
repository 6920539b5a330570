//! The replica itself, without a tracer: it carries the traffic that a Swarm carries,
//! over the same hops.

use bed::traffic::{datagram, request, request_answered_by};
use needs::needs;
use replica::plan::{BACKNET, CLIENT, ECHO, HOSTED_PORT, INGRESS, VOTE};
use replica::{Replica, Sandbox, Side};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

#[test]
fn it_is_up_within_two_seconds_and_carries_every_kind_of_flow() {
    needs!(Root);
    let begun = Instant::now();
    let mut replica = Replica::start();
    let took = begun.elapsed();
    println!("up after {took:?}, balanced by {:?}", replica.balancer());
    assert!(took < Duration::from_secs(2), "up after {took:?}");
    let seen_as = |text: &str| {
        text.parse::<SocketAddr>()
            .expect("an address")
            .ip()
            .to_string()
    };

    // External client → the routing mesh, either node, either task.
    for side in Side::BOTH {
        let mesh = SocketAddr::from((side.front(), VOTE.published));
        for task in ["vote.1", "vote.2"] {
            let exchange = request_answered_by(replica.client(), mesh, task);
            let sandbox = INGRESS.address([2, 3][side.index()]).to_string();
            assert_eq!(
                seen_as(&exchange.seen_as),
                sandbox,
                "SNAT on {}",
                side.hostname()
            );
        }
    }
    // UDP through the mesh.
    let udp = datagram(replica.client(), (Side::A.front(), ECHO.published)).expect("udp");
    assert_eq!(udp.answered_by, "echo.1");
    // Container → virtual address, and → task, both families.
    let container = replica.task("client.1");
    for task in ["vote.1", "vote.2"] {
        let exchange = request_answered_by(container, (VOTE.vip(), 80), task);
        assert_eq!(seen_as(&exchange.seen_as), BACKNET.address(5).to_string());
    }
    for (task, host) in [("direct.1", 9), ("direct.2", 10)] {
        let v4 = request(container, (BACKNET.address(host), 80)).expect("task, IPv4");
        let v6 = request(container, (BACKNET.address6(host), 80)).expect("task, IPv6");
        assert_eq!([v4.answered_by, v6.answered_by], [task, task]);
        assert_eq!(seen_as(&v4.seen_as), BACKNET.address(8).to_string());
        assert_eq!(seen_as(&v6.seen_as), BACKNET.address6(8).to_string());
    }
    // From the node itself.
    let host = replica.node(Side::A).host();
    for task in ["vote.1", "vote.2"] {
        request_answered_by(host, ([127, 0, 0, 1], VOTE.published), task);
    }
    // mode=host keeps the client's address.
    let hosted = request(replica.client(), (Side::A.front(), HOSTED_PORT)).expect("mode=host");
    assert_eq!(hosted.answered_by, "hosted.1");
    assert_eq!(seen_as(&hosted.seen_as), CLIENT.to_string());

    // A task comes and goes.
    let mesh = SocketAddr::from((Side::A.front(), VOTE.published));
    replica.add_task(Sandbox {
        side: Side::A,
        name: "vote.3",
        file: "aa11bb22cc33",
        ingress: Some(20),
        backnet: Some(20),
        gateway: Some(20),
    });
    request_answered_by(replica.client(), mesh, "vote.3");
    replica.remove_task("vote.3");
    for _ in 0..4 {
        let exchange = request(replica.client(), mesh).expect("the mesh without the task");
        assert_ne!(exchange.answered_by, "vote.3");
    }
    // A stopped server refuses.
    replica.stop_server("hosted.1");
    let refused = request(replica.client(), (Side::A.front(), HOSTED_PORT));
    let refused = refused.expect_err("nobody listens").kind();
    assert_eq!(refused, std::io::ErrorKind::ConnectionRefused);
}
