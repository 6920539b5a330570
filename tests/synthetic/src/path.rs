//! Where a packet is seen on each of the paths that a Swarm has.

#[allow(
    clippy::wildcard_imports,
    reason = "the bed's addresses, devices and marks; expect fails in the product's unit tests, which include this file"
)]
use super::bed::*;
use std::net::{IpAddr, SocketAddr};
use swarmtrace_common::{Direction, Tuple};

/// Which path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// External client → published port → task on the same node.
    MeshLocal,
    /// External client → published port → task on the other node.
    MeshRemote,
    /// Container → virtual address → task on the same node.
    VipLocal,
    /// Container → virtual address → task on the other node.
    VipRemote,
    /// Container → task's own address on the other node (DNS round robin).
    Direct,
    /// The node itself → published port → task on the same node.
    HostLocal,
    /// External client → a port published in host mode.
    HostMode,
}

/// Every route.
pub const ROUTES: [Route; 7] = [
    Route::MeshLocal,
    Route::MeshRemote,
    Route::VipLocal,
    Route::VipRemote,
    Route::Direct,
    Route::HostLocal,
    Route::HostMode,
];

/// One place on a path.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Inode of the namespace.
    pub netns: u32,
    /// Index of the device.
    pub ifindex: u32,
    /// Which way.
    pub direction: Direction,
    /// Addresses there.
    pub tuple: Tuple,
    /// Mark there.
    pub mark: u32,
    /// VXLAN network identifier and outer addresses.
    pub vxlan: Option<(u32, Tuple)>,
    /// Conntrack's ORIGINAL and REPLY tuples.
    pub conntrack: Option<(Tuple, Tuple)>,
}

/// The way there and the way back.
#[derive(Clone, Debug)]
pub struct Path {
    /// Client to task.
    pub there: Vec<Step>,
    /// Task to client.
    pub back: Vec<Step>,
}

struct Builder(Vec<Step>);

impl Builder {
    fn at(
        &mut self,
        node: At,
        namespace: u32,
        ifindex: u32,
        direction: Direction,
        tuple: Tuple,
    ) -> &mut Step {
        self.0.push(Step {
            netns: node.inode(namespace),
            ifindex,
            direction,
            tuple,
            mark: 0,
            vxlan: None,
            conntrack: None,
        });
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// From the overlay of one node to that of the other.
    fn cross(&mut self, from: At, to: At, overlay: u32, vni: u32, tuple: Tuple) {
        use Direction::{Egress, Ingress};
        let outer = Tuple::new(
            17,
            SocketAddr::new(node(from), 40_000 + tuple.src_port % 1000),
            SocketAddr::new(node(to), 4789),
        );
        self.at(from, overlay, VXLAN, Egress, tuple);
        self.at(from, HOST, NIC, Egress, tuple).vxlan = Some((vni, outer));
        self.at(to, HOST, NIC, Ingress, tuple).vxlan = Some((vni, outer));
        self.at(to, overlay, VXLAN, Ingress, tuple);
    }
}

/// What distinguishes one connection's path from another's.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Which path.
    pub route: Route,
    /// IP protocol number.
    pub protocol: u8,
    /// The client (its address is given by the route where it is a container
    /// or the node).
    pub client: SocketAddr,
    /// The source port that SNAT gives, the client's unless it collides.
    pub nat_port: u16,
}

/// The path of that connection.
pub fn path(wish: Wish) -> Path {
    use Direction::{Egress, Ingress};
    let protocol = wish.protocol;
    let port = wish.client.port();
    let tuple = |from: (IpAddr, u16), to: (IpAddr, u16)| {
        Tuple::new(protocol, SocketAddr::from(from), SocketAddr::from(to))
    };
    let here = At::A;
    let task_at = match wish.route {
        Route::MeshRemote | Route::VipRemote | Route::Direct => At::B,
        _ => At::A,
    };
    let remote = task_at != here;
    let mut there = Builder(Vec::new());
    let mut back = Builder(Vec::new());
    let gateway = IpAddr::from(SANDBOX_GATEWAY);
    match wish.route {
        Route::MeshLocal | Route::MeshRemote | Route::HostLocal => {
            let local = wish.route == Route::HostLocal;
            let loopback = IpAddr::from([127, 0, 0, 1]);
            let (asked, inside) = if local {
                let asked = tuple((loopback, port), (loopback, 8080));
                (asked, tuple((IpAddr::from(BRIDGE), port), (gateway, 8080)))
            } else {
                let client = wish.client.ip();
                let asked = tuple((client, port), (node(here), 8080));
                (asked, tuple((client, port), (gateway, 8080)))
            };
            let task = (ingress_task(task_at), 8080);
            let balanced = tuple((ingress_balancer(here), wish.nat_port), task);
            let redirected = tuple((ingress_balancer(here), wish.nat_port), (task.0, 80));
            let host_entry = Some((asked, inside.reversed()));
            let sandbox_entry = Some((inside, balanced.reversed()));
            if !local {
                there.at(here, HOST, NIC, Ingress, asked);
            }
            there.at(here, HOST, GWBRIDGE, Egress, inside).conntrack = host_entry;
            there.at(here, HOST, VETH_SANDBOX, Egress, inside).conntrack = host_entry;
            there.at(here, SANDBOX, SANDBOX_GW, Ingress, inside);
            let chosen = there.at(here, SANDBOX, SANDBOX_NIC, Egress, balanced);
            chosen.conntrack = sandbox_entry;
            chosen.mark = MARKS[0][0];
            there.at(here, INGRESS, INGRESS_VETH_SANDBOX, Ingress, balanced);
            if remote {
                there.cross(here, task_at, INGRESS, 4096, balanced);
            }
            there.at(task_at, INGRESS, INGRESS_VETH_TASK, Egress, balanced);
            there.at(task_at, TASK, TASK_INGRESS, Ingress, balanced);

            let answer = balanced.reversed();
            back.at(task_at, TASK, TASK_INGRESS, Egress, answer)
                .conntrack = Some((balanced, redirected.reversed()));
            back.at(task_at, INGRESS, INGRESS_VETH_TASK, Ingress, answer);
            if remote {
                back.cross(task_at, here, INGRESS, 4096, answer);
            }
            back.at(here, INGRESS, INGRESS_VETH_SANDBOX, Egress, answer);
            back.at(here, SANDBOX, SANDBOX_NIC, Ingress, answer);
            back.at(here, SANDBOX, SANDBOX_GW, Egress, inside.reversed())
                .conntrack = sandbox_entry;
            back.at(here, HOST, VETH_SANDBOX, Ingress, inside.reversed());
            back.at(here, HOST, GWBRIDGE, Ingress, inside.reversed());
            if !local {
                back.at(here, HOST, NIC, Egress, asked.reversed()).conntrack = host_entry;
            }
        }
        Route::VipLocal | Route::VipRemote | Route::Direct => {
            let client = (IpAddr::from(OVERLAY_CLIENT), port);
            let task = (overlay_task(task_at), 80);
            let direct = wish.route == Route::Direct;
            let asked = tuple(
                client,
                if direct {
                    task
                } else {
                    (IpAddr::from(OVERLAY_VIP), 80)
                },
            );
            let balanced = match direct {
                true => asked,
                false => tuple((overlay_balancer(here), wish.nat_port), task),
            };
            let entry = Some((asked, balanced.reversed()));
            there.at(here, CLIENT, CLIENT_NIC, Egress, asked);
            there.at(here, OVERLAY, OVERLAY_VETH_CLIENT, Ingress, asked);
            if !direct {
                there.at(here, OVERLAY, OVERLAY_VETH_BALANCER, Egress, asked);
                there.at(here, BALANCER, BALANCER_NIC, Ingress, asked);
                let chosen = there.at(here, BALANCER, BALANCER_NIC, Egress, balanced);
                chosen.conntrack = entry;
                chosen.mark = MARKS[0][1];
                there.at(here, OVERLAY, OVERLAY_VETH_BALANCER, Ingress, balanced);
            }
            if remote {
                there.cross(here, task_at, OVERLAY, 4097, balanced);
            }
            there.at(task_at, OVERLAY, OVERLAY_VETH_TASK, Egress, balanced);
            there.at(task_at, TASK, TASK_OVERLAY, Ingress, balanced);

            let answer = balanced.reversed();
            back.at(task_at, TASK, TASK_OVERLAY, Egress, answer)
                .conntrack = Some((balanced, answer));
            back.at(task_at, OVERLAY, OVERLAY_VETH_TASK, Ingress, answer);
            if remote {
                back.cross(task_at, here, OVERLAY, 4097, answer);
            }
            if !direct {
                back.at(here, OVERLAY, OVERLAY_VETH_BALANCER, Egress, answer);
                back.at(here, BALANCER, BALANCER_NIC, Ingress, answer);
                back.at(here, BALANCER, BALANCER_NIC, Egress, asked.reversed())
                    .conntrack = entry;
                back.at(
                    here,
                    OVERLAY,
                    OVERLAY_VETH_BALANCER,
                    Ingress,
                    asked.reversed(),
                );
            }
            back.at(here, OVERLAY, OVERLAY_VETH_CLIENT, Egress, asked.reversed());
            back.at(here, CLIENT, CLIENT_NIC, Ingress, asked.reversed());
        }
        Route::HostMode => {
            let asked = tuple((wish.client.ip(), port), (node(here), 9090));
            let inside = tuple((wish.client.ip(), port), (IpAddr::from(TASK_GATEWAY), 80));
            let entry = Some((asked, inside.reversed()));
            there.at(here, HOST, NIC, Ingress, asked);
            there.at(here, HOST, GWBRIDGE, Egress, inside).conntrack = entry;
            there.at(here, HOST, VETH_TASK, Egress, inside).conntrack = entry;
            there.at(here, TASK, TASK_GW, Ingress, inside);
            back.at(here, TASK, TASK_GW, Egress, inside.reversed())
                .conntrack = Some((inside, inside.reversed()));
            back.at(here, HOST, VETH_TASK, Ingress, inside.reversed());
            back.at(here, HOST, GWBRIDGE, Ingress, inside.reversed());
            back.at(here, HOST, NIC, Egress, asked.reversed()).conntrack = entry;
        }
    }
    Path {
        there: there.0,
        back: back.0,
    }
}
