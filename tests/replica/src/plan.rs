//! Who lives where in the replica: the names, addresses and ports that Docker
//! would have handed out, so that a test can say what it expects.
//!
//! | service  | published       | tasks                                   |
//! |----------|-----------------|-----------------------------------------|
//! | `vote`   | 8080 → 80/tcp   | `vote.1` on node a, `vote.2` on node b  |
//! | `echo`   | 9053 → 5353/udp | `echo.1` on node b                      |
//! | `hosted` | 8081 → 80/tcp, mode=host | `hosted.1` on node a           |
//! | `direct` | dnsrr           | `direct.1` on node a, `direct.2` on b   |
//! | `client` | nothing         | `client.1` on node a                    |

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One of the two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// `node-a`
    A,
    /// `node-b`
    B,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// 0 or 1.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Its host name.
    pub fn hostname(self) -> &'static str {
        ["node-a", "node-b"][self.index()]
    }

    fn number(self) -> u8 {
        [1, 2][self.index()]
    }

    /// Its address on `eth0`, where clients are.
    pub fn front(self) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, self.number())
    }

    /// Its address on `eth1`, which carries VXLAN.
    pub fn underlay(self) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, 50, self.number())
    }
}

/// The external client's address.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
/// Docker's data-path port.
pub const VXLAN_PORT: u16 = 4789;

/// An overlay network.
#[derive(Debug, PartialEq, Eq)]
pub struct Network {
    /// The namespace of its bridge and VXLAN device.
    pub namespace: &'static str,
    /// VXLAN network identifier.
    pub vni: u32,
    /// Third byte of 10.0.x.0/24.
    third: u8,
}

/// The routing mesh's network.
pub const INGRESS: Network = Network {
    namespace: "1-f0l1ik19u8",
    vni: 4096,
    third: 0,
};
/// The services' own network.
pub const BACKNET: Network = Network {
    namespace: "1-qookufxbbm",
    vni: 4097,
    third: 1,
};
/// The load balancer of [`BACKNET`].
pub const LB: &str = "lb_qookufxbb";
/// The load balancer of the routing mesh.
pub const INGRESS_SBOX: &str = "ingress_sbox";

impl Network {
    /// The address that ends in `host`.
    pub fn address(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, self.third, host)
    }

    /// The same endpoint's IPv6 address.
    pub fn address6(&self, host: u8) -> Ipv6Addr {
        Ipv6Addr::new(0xfd00, 0x10, 0, u16::from(self.third), 0, 0, 0, host.into())
    }

    /// Its subnet.
    pub fn subnet(&self) -> String {
        format!("10.0.{}.0/24", self.third)
    }

    /// Docker's MAC address for an endpoint.
    pub fn mac(&self, host: u8) -> String {
        format!("02:42:0a:00:{:02x}:{host:02x}", self.third)
    }
}

/// A namespace with endpoints: a container's or a load balancer's.
#[derive(Clone, Copy, Debug)]
pub struct Sandbox {
    /// The node it is on.
    pub side: Side,
    /// The bed's name for it.
    pub name: &'static str,
    /// Its file in Docker's directory.
    pub file: &'static str,
    /// Last byte of its address on [`INGRESS`].
    pub ingress: Option<u8>,
    /// Last byte of its address on [`BACKNET`].
    pub backnet: Option<u8>,
    /// Last byte of its address on `docker_gwbridge`, 172.18.0.0/16.
    pub gateway: Option<u8>,
}

impl Sandbox {
    /// Its address on the routing mesh's network.
    pub fn on_ingress(&self) -> Option<Ipv4Addr> {
        self.ingress.map(|host| INGRESS.address(host))
    }

    /// Its address on the services' own network.
    pub fn on_backnet(&self) -> Option<Ipv4Addr> {
        self.backnet.map(|host| BACKNET.address(host))
    }

    /// Whether it is a task of `service`.
    pub fn is_task_of(&self, service: &str) -> bool {
        self.name.split_once('.').is_some_and(|(s, _)| s == service)
    }
}

const fn sandbox(
    side: Side,
    name: &'static str,
    file: &'static str,
    [ingress, backnet, gateway]: [u8; 3],
) -> Sandbox {
    const fn present(host: u8) -> Option<u8> {
        if host == 0 { None } else { Some(host) }
    }
    Sandbox {
        side,
        name,
        file,
        ingress: present(ingress),
        backnet: present(backnet),
        gateway: present(gateway),
    }
}

/// Every sandbox that the replica starts with; 0 stands for no endpoint.
pub const SANDBOXES: [Sandbox; 11] = [
    sandbox(Side::A, INGRESS_SBOX, INGRESS_SBOX, [2, 0, 2]),
    sandbox(Side::A, LB, LB, [0, 5, 0]),
    sandbox(Side::A, "vote.1", "8ce9af88d95a", [5, 3, 4]),
    sandbox(Side::A, "client.1", "e02d9125ed54", [0, 8, 3]),
    sandbox(Side::A, "direct.1", "1f4ac9d07b33", [0, 9, 5]),
    sandbox(Side::A, "hosted.1", "5d90be2c6a18", [0, 12, 6]),
    sandbox(Side::B, INGRESS_SBOX, INGRESS_SBOX, [3, 0, 2]),
    sandbox(Side::B, LB, LB, [0, 6, 0]),
    sandbox(Side::B, "vote.2", "b27d40c1e9f5", [6, 4, 3]),
    sandbox(Side::B, "direct.2", "77ae03f8c412", [0, 10, 4]),
    sandbox(Side::B, "echo.1", "c9164b5de0a7", [8, 11, 5]),
];

/// A published service that the routing mesh balances.
#[derive(Debug)]
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// Port that clients use.
    pub published: u16,
    /// Port inside the task.
    pub target: u16,
    /// Last byte of its virtual address on [`INGRESS`].
    pub ingress_vip: u8,
    /// Last byte of its virtual address on [`BACKNET`].
    pub backnet_vip: u8,
    /// Its mark for [`INGRESS`] on node a and node b: node-local, so different.
    pub ingress_mark: [u32; 2],
    /// Its mark for [`BACKNET`] on node a and node b.
    pub backnet_mark: [u32; 2],
}

/// 8080 → 80/tcp, two tasks.
pub const VOTE: Service = Service {
    name: "vote",
    protocol: "tcp",
    published: 8080,
    target: 80,
    ingress_vip: 4,
    backnet_vip: 2,
    ingress_mark: [0x101, 0x100],
    backnet_mark: [0x102, 0x103],
};
/// 9053 → 5353/udp, one task.
pub const ECHO: Service = Service {
    name: "echo",
    protocol: "udp",
    published: 9053,
    target: 5353,
    ingress_vip: 7,
    backnet_vip: 7,
    ingress_mark: [0x104, 0x105],
    backnet_mark: [0x106, 0x107],
};
/// Every balanced service.
pub const SERVICES: [&Service; 2] = [&VOTE, &ECHO];
/// The port that `hosted` publishes in mode=host.
pub const HOSTED_PORT: u16 = 8081;

impl Service {
    /// Its virtual address on [`BACKNET`].
    pub fn vip(&self) -> IpAddr {
        BACKNET.address(self.backnet_vip).into()
    }
}

/// `172.18.0.n`, an address on a node's `docker_gwbridge`.
pub fn gateway_address(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(172, 18, 0, host)
}
