//! Failures between the node's interface and the load balancer, and in it.

use super::cases::{Expect, broken, mesh, unanswered};
use super::rewritten::{by_ipv6, hairpin, untranslated, untranslated_vip, without_snat};
use super::scene::{Kind, Scene, View};
use crate::diagnose::Certainty::{Likely, Proven, Unknown};
use crate::diagnose::TaskActivity;
use crate::synthetic::{Connection, Ending, Route};
use swarmtrace_common::{PacketEvent, Tuple};

pub fn cases() -> Vec<Expect> {
    let mut all = node();
    all.extend(balancer());
    all
}

fn node() -> Vec<Expect> {
    let at_nic = |s: &Scene, e: &PacketEvent| s.place(e).starts_with("a eth0");
    let host_port = Scene::new(
        Connection::new(Route::HostMode, Ending::Refused, 7),
        View::A,
    );
    let local = unanswered(Route::MeshLocal);
    let gone = local.clone().until(Kind::Syn, "a docker_gwbridge out");
    let at_eth0 = local.until(Kind::Syn, "a eth0 in");
    vec![
        broken(
            "ingress-dnat-missing",
            Likely,
            "eth0 out",
            mesh(Ending::Idle).only(at_nic),
        ),
        broken(
            "ingress-ipv6",
            Likely,
            "eth0 out",
            by_ipv6(mesh(Ending::Idle).only(at_nic)),
        ),
        broken(
            "host-port-not-forwarded",
            Likely,
            "eth0 out",
            host_port.only(at_nic),
        ),
        broken(
            "forward-drop",
            Likely,
            "between eth0 in and docker_gwbridge out",
            at_eth0
                .clone()
                .drop("a docker_gwbridge", "NETFILTER_DROP", "nft_do_chain"),
        ),
        broken("forward-drop", Likely, "eth0 in", at_eth0.clone()),
        broken(
            "forward-drop",
            Likely,
            "eth0 in",
            at_eth0.clone().drop("a eth0", "", "nf_hook_slow+0x9c/0xb0"),
        ),
        broken(
            "reverse-path-filter",
            Proven,
            "eth0 in",
            at_eth0
                .clone()
                .drop("a eth0", "IP_RPFILTER", "ip_rcv_finish_core"),
        ),
        broken(
            "ingress-sandbox-gone",
            Proven,
            "docker_gwbridge out",
            gone.clone()
                .with(|s| s.a.namespaces.retain(|n| n.name != "ingress_sbox")),
        ),
        broken(
            "ingress-sandbox-gone",
            Proven,
            "docker_gwbridge out",
            gone.with(|s| {
                let sandbox = s.a.namespaces.iter_mut().find(|n| n.name == "ingress_sbox");
                let moved = "172.18.0.4/16".parse().unwrap();
                sandbox.unwrap().devices[0].addresses = vec![moved];
            }),
        ),
        broken(
            "hairpin-without-br-netfilter",
            Likely,
            "veth9 out",
            hairpin(),
        ),
    ]
}

fn balancer() -> Vec<Expect> {
    let inside = || unanswered(Route::MeshLocal).until(Kind::Syn, "a ingress_sbox eth1 in");
    let from = [
        "a ingress_sbox eth1 out",
        "a veth0a1b2c3 in",
        "a docker_gwbridge in",
        "a eth0 out",
    ];
    let icmp = |s: Scene, code| s.icmp("a ingress_sbox eth1 in", "172.18.0.2", code, &from);
    let reset = mesh(Ending::Refused)
        .until(Kind::Syn, "a ingress_sbox eth1 in")
        .from(Kind::Rst, "a ingress_sbox eth1 out");
    let vip_reset = Scene::new(
        Connection::new(Route::VipRemote, Ending::Refused, 7),
        View::A,
    )
    .until(Kind::Syn, "a lb_overlay10 eth0 in")
    .from(Kind::Rst, "a lb_overlay10 eth0 out");
    let vip = || unanswered(Route::VipRemote).until(Kind::Syn, "a lb_overlay10 eth0 in");
    let vip_back = [
        "a lb_overlay10 eth0 out",
        "a 1-overlay100 veth0 in",
        "a client eth0 in",
    ];
    let mut twice = Connection::new(Route::MeshRemote, Ending::Open, 7);
    twice.retransmitted = 1;
    let reused = first_syn_until(Scene::new(twice, View::A), "a ingress_sbox eth1 in");
    let answer = mesh(Ending::Idle).until(Kind::SynAck, "a ingress_sbox eth0 in");
    let remote = || unanswered(Route::MeshRemote).until(Kind::Syn, "a eth0 out");
    let forgotten = Scene::new(Connection::new(Route::VipRemote, Ending::Reset, 7), View::A)
        .from(Kind::Rst, "a lb_overlay10 eth0 out");
    vec![
        broken(
            "ipvs-no-destination",
            Likely,
            "ingress_sbox eth1 out",
            icmp(inside(), 3),
        ),
        broken(
            "ipvs-no-destination",
            Proven,
            "ingress_sbox eth1 in",
            inside().with(|s| s.a.namespaces[1].ipvs[0].destinations.clear()),
        ),
        broken(
            "ipvs-service-missing",
            Likely,
            "ingress_sbox eth1 out",
            reset.clone(),
        ),
        broken(
            "ipvs-service-missing",
            Likely,
            "ingress_sbox eth1 out",
            reset.with(|s| s.lost = 3),
        ),
        broken(
            "ipvs-service-missing",
            Likely,
            "lb_overlay10 eth0 out",
            vip_reset,
        ),
        broken(
            "ipvs-no-destination",
            Likely,
            "lb_overlay10 eth0 out",
            vip().icmp("a lb_overlay10 eth0 in", "10.0.1.2", 3, &vip_back),
        ),
        broken(
            "neighbour-missing",
            Likely,
            "lb_overlay10 eth0 in",
            vip()
                .icmp("a lb_overlay10 eth0 in", "10.0.1.2", 1, &vip_back)
                .with(forget_neighbours),
        ),
        broken(
            "sandbox-ip-forward",
            Likely,
            "lb_overlay10 eth0 in",
            Scene::new(Connection::new(Route::VipRemote, Ending::Idle, 7), View::A)
                .until(Kind::SynAck, "a lb_overlay10 eth0 in"),
        ),
        broken(
            "ipvs-conn-reuse",
            Likely,
            "ingress_sbox eth1 in",
            reused
                .clone()
                .drop("a ingress_sbox eth1", "NETFILTER_DROP", "nf_hook_slow"),
        ),
        broken("ipvs-conn-reuse", Likely, "ingress_sbox eth1 in", reused),
        broken(
            "snat-missing",
            Likely,
            "ingress_sbox eth0 out",
            without_snat(View::A).until(Kind::Syn, "a eth0 out"),
        ),
        broken("snat-missing", Likely, "eth0 in", without_snat(View::B)),
        broken(
            "neighbour-missing",
            Likely,
            "ingress_sbox eth1 in",
            unanswered(Route::MeshRemote)
                .until(Kind::Syn, "a ingress_sbox eth1 in")
                .with(forget_neighbours),
        ),
        broken(
            "stale-backend",
            Proven,
            "eth0 out",
            remote().state(TaskActivity::Stopped { ms_ago: 3200 }),
        ),
        broken(
            "stale-backend",
            Likely,
            "eth0 out",
            remote().with(|s| s.a.tasks.truncate(1)),
        ),
        broken(
            "stale-backend",
            Likely,
            "ingress_sbox eth1 in",
            to_backend(inside(), "10.0.0.77:8080").drop(
                "a ingress_sbox eth0",
                "NEIGH_FAILED",
                "neigh_invalidate",
            ),
        ),
        broken(
            "neighbour-missing",
            Likely,
            "ingress_sbox eth1 in",
            to_backend(inside(), "10.0.0.8:8080").drop(
                "a ingress_sbox eth0",
                "NEIGH_FAILED",
                "neigh_invalidate",
            ),
        ),
        broken(
            "neighbour-missing",
            Likely,
            "ingress_sbox eth1 in",
            icmp(inside(), 1).with(forget_neighbours),
        ),
        broken(
            "unknown",
            Unknown,
            "ingress_sbox eth1 out",
            icmp(inside(), 1),
        ),
        broken(
            "ipvs-connection-forgotten",
            Likely,
            "lb_overlay10 eth0 out",
            forgotten
                .clone()
                .reset_sent("a lb_overlay10 eth0", "NO_SOCKET"),
        ),
        broken(
            "ipvs-connection-forgotten",
            Likely,
            "lb_overlay10 eth0 out",
            forgotten,
        ),
        broken(
            "sandbox-ip-forward",
            Likely,
            "ingress_sbox eth0 in",
            answer
                .clone()
                .drop("a ingress_sbox eth0", "IP_INADDRERRORS", "ip_error"),
        ),
        broken("sandbox-ip-forward", Likely, "ingress_sbox eth0 in", answer),
        broken(
            "reply-not-translated",
            Likely,
            "ingress_sbox eth1 out",
            untranslated(),
        ),
        broken(
            "reply-not-translated",
            Likely,
            "lb_overlay10 eth0 out",
            untranslated_vip(),
        ),
    ]
}

/// The first SYN goes no further.
fn first_syn_until(scene: Scene, place: &str) -> Scene {
    let first = scene.events[0].ip_id;
    let mut passed = false;
    scene.with(|s| {
        let places: Vec<String> = s.events.iter().map(|e| s.place(e)).collect();
        let mut places = places.into_iter();
        s.events.retain(|e| {
            let here = places.next().as_deref() == Some(place);
            let keep = e.ip_id != first || !passed;
            passed |= here;
            keep
        });
    })
}

/// The next drop is of a packet for that backend.
fn to_backend(scene: Scene, backend: &str) -> Scene {
    let backend = backend.parse().unwrap();
    scene.with(|s| {
        // Only the drop's addresses come from it: it was seen by no tap.
        let mut ghost = *s.events.last().unwrap();
        ghost.tuple = Tuple::new(6, "10.0.0.2:32775".parse().unwrap(), backend);
        let dropped = Scene {
            events: vec![ghost],
            ..s.clone()
        };
        s.drops = dropped
            .drop("a ingress_sbox eth0", "NEIGH_FAILED", "neigh_invalidate")
            .drops;
    })
}

/// Nothing that node-a's namespaces had of other nodes' addresses.
fn forget_neighbours(scene: &mut Scene) {
    for namespace in &mut scene.a.namespaces {
        namespace.neighbours.clear();
    }
}
