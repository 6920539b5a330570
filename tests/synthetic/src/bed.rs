//! The Swarm that the events are of: nodes `node-a` and `node-b`, the ingress
//! network and `overlay1`, service `vote` with a task on each, and a client
//! container on `node-a`.

use ipnet::IpNet;
use std::net::IpAddr;
use swarmtrace::sys::protocol::Protocol;
use swarmtrace::topology::{
    Device, DeviceKind, DeviceRef, FdbEntry, Fwmark, IpvsDestination, IpvsForwarding, IpvsMatch,
    IpvsService, Mac, Namespace, NamespaceKind, Neighbour, NeighbourState, Network, Node,
    PublishMode, PublishedPort, Service, Task, TaskAddress, TaskState, Topology, Vip,
};

/// Inodes of node A's namespaces; node B's are 100 more.
pub(super) const HOST: u32 = 100;
pub(super) const SANDBOX: u32 = 101;
pub(super) const INGRESS: u32 = 102;
pub(super) const OVERLAY: u32 = 103;
pub(super) const BALANCER: u32 = 104;
pub(super) const TASK: u32 = 110;
pub(super) const CLIENT: u32 = 111;

/// Device indexes, the same on both nodes.
pub(super) const NIC: u32 = 2;
pub(super) const GWBRIDGE: u32 = 3;
pub(super) const VETH_SANDBOX: u32 = 10;
pub(super) const VETH_TASK: u32 = 11;
pub(super) const SANDBOX_GW: u32 = 12;
pub(super) const SANDBOX_NIC: u32 = 13;
pub(super) const INGRESS_VETH_SANDBOX: u32 = 14;
pub(super) const VXLAN: u32 = 15;
pub(super) const INGRESS_VETH_TASK: u32 = 16;
pub(super) const TASK_INGRESS: u32 = 20;
pub(super) const TASK_OVERLAY: u32 = 21;
pub(super) const TASK_GW: u32 = 22;
pub(super) const OVERLAY_VETH_BALANCER: u32 = 31;
pub(super) const OVERLAY_VETH_TASK: u32 = 32;
pub(super) const OVERLAY_VETH_CLIENT: u32 = 33;
pub(super) const BALANCER_NIC: u32 = 34;
pub(super) const CLIENT_NIC: u32 = 40;

/// Marks of `vote` on the ingress network and on `overlay1`.
pub(super) const MARKS: [[u32; 2]; 2] = [[0x101, 0x102], [0x100, 0x103]];

/// Which node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// `node-a`, 192.168.50.1
    A,
    /// `node-b`, 192.168.50.2
    B,
}

impl At {
    pub(super) fn index(self) -> u8 {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    pub(super) fn inode(self, namespace: u32) -> u32 {
        namespace + 100 * u32::from(self.index())
    }
}

fn ip(text: [u8; 4]) -> IpAddr {
    IpAddr::from(text)
}

pub(super) fn node(at: At) -> IpAddr {
    ip([192, 168, 50, 1 + at.index()])
}

/// The ingress network's load balancer address on that node.
pub(super) fn ingress_balancer(at: At) -> IpAddr {
    ip([10, 0, 0, 2 + at.index()])
}

pub(super) fn ingress_task(at: At) -> IpAddr {
    ip([10, 0, 0, 7 + at.index()])
}

pub(super) fn overlay_balancer(at: At) -> IpAddr {
    ip([10, 0, 1, 5 + at.index()])
}

pub(super) fn overlay_task(at: At) -> IpAddr {
    ip([10, 0, 1, 3 + at.index()])
}

pub(super) const OVERLAY_VIP: [u8; 4] = [10, 0, 1, 2];
pub(super) const OVERLAY_CLIENT: [u8; 4] = [10, 0, 1, 9];
pub(super) const SANDBOX_GATEWAY: [u8; 4] = [172, 18, 0, 2];
pub(super) const BRIDGE: [u8; 4] = [172, 18, 0, 1];
pub(super) const TASK_GATEWAY: [u8; 4] = [172, 18, 0, 5];

/// What `swarmtrace topology` would say on that node.
pub fn topology(at: At) -> Topology {
    let veth = |namespace, ifindex| DeviceKind::Veth {
        peer: Some(DeviceRef {
            namespace: at.inode(namespace),
            ifindex,
        }),
    };
    let name = if at == At::A { "vote.1" } else { "vote.2" };
    let task_id = |at: At| format!("task{}", at.index());
    let marks = MARKS[usize::from(at.index())];
    let net = |ip: IpAddr, bits| IpNet::new(ip, bits).into_iter().collect::<Vec<_>>();
    let task_kind = NamespaceKind::Container {
        container: format!("c{}", at.index()),
        task: Some(task_id(at)),
    };
    let client_kind = NamespaceKind::Container {
        container: "client".to_owned(),
        task: None,
    };
    let by_id = |id: &str| Some(id.to_owned());
    let mut namespaces = vec![
        namespace(
            at,
            HOST,
            NamespaceKind::Host,
            "host",
            vec![
                device(NIC, "eth0", DeviceKind::Physical, net(node(at), 24)),
                device(
                    GWBRIDGE,
                    "docker_gwbridge",
                    DeviceKind::Bridge,
                    net(ip(BRIDGE), 16),
                ),
                device(
                    VETH_SANDBOX,
                    "veth0a1b2c3",
                    veth(SANDBOX, SANDBOX_GW),
                    vec![],
                ),
                device(VETH_TASK, "veth4d5e6f7", veth(TASK, TASK_GW), vec![]),
            ],
        ),
        namespace(
            at,
            SANDBOX,
            NamespaceKind::IngressSandbox,
            "ingress_sbox",
            vec![
                device(
                    SANDBOX_GW,
                    "eth1",
                    veth(HOST, VETH_SANDBOX),
                    net(ip(SANDBOX_GATEWAY), 16),
                ),
                device(
                    SANDBOX_NIC,
                    "eth0",
                    veth(INGRESS, INGRESS_VETH_SANDBOX),
                    net(ingress_balancer(at), 24),
                ),
            ],
        ),
        namespace(
            at,
            INGRESS,
            NamespaceKind::Overlay {
                network: by_id("ingress-id"),
            },
            "1-ingress000",
            vec![
                device(
                    INGRESS_VETH_SANDBOX,
                    "veth0",
                    veth(SANDBOX, SANDBOX_NIC),
                    vec![],
                ),
                device(
                    VXLAN,
                    "vxlan0",
                    DeviceKind::Vxlan {
                        vni: 4096,
                        port: 4789,
                    },
                    vec![],
                ),
                device(INGRESS_VETH_TASK, "veth1", veth(TASK, TASK_INGRESS), vec![]),
            ],
        ),
        namespace(
            at,
            OVERLAY,
            NamespaceKind::Overlay {
                network: by_id("overlay1-id"),
            },
            "1-overlay100",
            vec![
                device(
                    VXLAN,
                    "vxlan0",
                    DeviceKind::Vxlan {
                        vni: 4097,
                        port: 4789,
                    },
                    vec![],
                ),
                device(
                    OVERLAY_VETH_BALANCER,
                    "veth0",
                    veth(BALANCER, BALANCER_NIC),
                    vec![],
                ),
                device(OVERLAY_VETH_TASK, "veth1", veth(TASK, TASK_OVERLAY), vec![]),
                device(
                    OVERLAY_VETH_CLIENT,
                    "veth2",
                    veth(CLIENT, CLIENT_NIC),
                    vec![],
                ),
            ],
        ),
        namespace(
            at,
            BALANCER,
            NamespaceKind::LoadBalancer {
                network: by_id("overlay1-id"),
            },
            "lb_overlay10",
            vec![device(
                BALANCER_NIC,
                "eth0",
                veth(OVERLAY, OVERLAY_VETH_BALANCER),
                net(overlay_balancer(at), 24),
            )],
        ),
        namespace(
            at,
            TASK,
            task_kind,
            name,
            vec![
                device(
                    TASK_INGRESS,
                    "eth0",
                    veth(INGRESS, INGRESS_VETH_TASK),
                    net(ingress_task(at), 24),
                ),
                device(
                    TASK_OVERLAY,
                    "eth1",
                    veth(OVERLAY, OVERLAY_VETH_TASK),
                    net(overlay_task(at), 24),
                ),
                device(
                    TASK_GW,
                    "eth2",
                    veth(HOST, VETH_TASK),
                    net(ip(TASK_GATEWAY), 16),
                ),
            ],
        ),
        namespace(
            at,
            CLIENT,
            client_kind,
            "client",
            vec![device(
                CLIENT_NIC,
                "eth0",
                veth(OVERLAY, OVERLAY_VETH_CLIENT),
                net(ip(OVERLAY_CLIENT), 24),
            )],
        ),
    ];
    namespaces[1].ipvs = vec![balanced(
        marks[0],
        [ingress_task(At::A), ingress_task(At::B)],
    )];
    namespaces[4].ipvs = vec![balanced(
        marks[1],
        [overlay_task(At::A), overlay_task(At::B)],
    )];
    let other = if at == At::A { At::B } else { At::A };
    for (index, address) in [(2, ingress_task(other)), (3, overlay_task(other))] {
        let mac = Mac([0x02, 0x42, 0x0a, 0, 0, 0x07]);
        namespaces[index].neighbours = vec![Neighbour {
            ifindex: VXLAN,
            address,
            mac: Some(mac),
            state: NeighbourState::Permanent,
        }];
        namespaces[index].fdb = vec![FdbEntry {
            ifindex: VXLAN,
            mac,
            vtep: node(other),
            state: NeighbourState::Permanent,
        }];
    }
    let task = |at: At, name: &str| Task {
        id: task_id(at),
        service: "vote".to_owned(),
        name: name.to_owned(),
        node: format!("node{}", at.index()),
        addresses: vec![
            TaskAddress {
                network: "ingress-id".to_owned(),
                address: ingress_task(at),
            },
            TaskAddress {
                network: "overlay1-id".to_owned(),
                address: overlay_task(at),
            },
        ],
        state: TaskState::Running,
        ..Task::default()
    };
    let swarm_node = |which: At, hostname: &str| Node {
        id: format!("node{}", which.index()),
        hostname: hostname.to_owned(),
        addresses: vec![node(which)],
        local: which == at,
    };
    Topology {
        hostname: if at == At::A { "node-a" } else { "node-b" }.to_owned(),
        host_namespace: at.inode(HOST),
        namespaces,
        networks: vec![
            network(
                "ingress-id",
                "ingress",
                "overlay",
                vec![4096],
                net(ip([10, 0, 0, 0]), 24),
            ),
            network(
                "overlay1-id",
                "overlay1",
                "overlay",
                vec![4097],
                net(ip([10, 0, 1, 0]), 24),
            ),
            network(
                "gw-id",
                "docker_gwbridge",
                "bridge",
                vec![],
                net(ip([172, 18, 0, 0]), 16),
            ),
        ],
        services: vec![vote(marks)],
        tasks: vec![task(At::A, "vote.1"), task(At::B, "vote.2")],
        nodes: vec![swarm_node(At::A, "node-a"), swarm_node(At::B, "node-b")],
        ..Topology::default()
    }
}

fn vote(marks: [u32; 2]) -> Service {
    let port = |published, mode, protocol| PublishedPort {
        protocol,
        published,
        target: 80,
        mode,
    };
    Service {
        id: "vote-id".to_owned(),
        name: "vote".to_owned(),
        ports: vec![
            port(8080, PublishMode::Ingress, Protocol::Tcp),
            port(8080, PublishMode::Ingress, Protocol::Udp),
            port(9090, PublishMode::Host, Protocol::Tcp),
        ],
        vips: vec![
            Vip {
                network: "ingress-id".to_owned(),
                address: ip([10, 0, 0, 5]),
            },
            Vip {
                network: "overlay1-id".to_owned(),
                address: ip(OVERLAY_VIP),
            },
        ],
        fwmarks: vec![
            Fwmark {
                network: "ingress-id".to_owned(),
                mark: marks[0],
            },
            Fwmark {
                network: "overlay1-id".to_owned(),
                mark: marks[1],
            },
        ],
        ..Service::default()
    }
}

fn namespace(
    at: At,
    inode: u32,
    kind: NamespaceKind,
    name: &str,
    devices: Vec<Device>,
) -> Namespace {
    Namespace {
        inode: at.inode(inode),
        kind,
        name: name.to_owned(),
        path: format!("/var/run/docker/netns/{name}").into(),
        devices,
        ipvs: vec![],
        neighbours: vec![],
        fdb: vec![],
    }
}

fn device(ifindex: u32, name: &str, kind: DeviceKind, addresses: Vec<IpNet>) -> Device {
    Device {
        ifindex,
        name: name.to_owned(),
        kind,
        mac: u8::try_from(ifindex)
            .ok()
            .map(|index| Mac([0x02, 0x42, 0, 0, 0, index])),
        mtu: 1500,
        up: true,
        master: None,
        addresses,
    }
}

fn network(id: &str, name: &str, driver: &str, vnis: Vec<u32>, subnets: Vec<IpNet>) -> Network {
    Network {
        id: id.to_owned(),
        name: name.to_owned(),
        driver: driver.into(),
        ingress: name == "ingress",
        vnis,
        subnets,
        ..Network::default()
    }
}

fn balanced(mark: u32, backends: [IpAddr; 2]) -> IpvsService {
    let destination = |address| IpvsDestination {
        address,
        port: 0,
        forwarding: IpvsForwarding::Masq,
        weight: 1,
        active: 0,
        inactive: 0,
    };
    IpvsService {
        matches: IpvsMatch::Fwmark(mark),
        scheduler: "rr".to_owned(),
        destinations: backends.map(destination).to_vec(),
    }
}
