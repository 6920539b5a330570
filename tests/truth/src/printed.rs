//! The timelines that swarmtrace prints with `--output json`, one a line, as far
//! as the comparison reads them.
//!
//! These shapes are written down a second time, not taken from swarmtrace's own
//! crate: the JSON is what other programs depend on, so it is what is tested.

use super::packet::Way;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};

/// A flow.
#[derive(Clone, Debug, Deserialize)]
pub struct Timeline {
    /// `swarmtrace-timeline`
    pub format: String,
    /// 1
    pub version: u32,
    /// Names of the nodes that contributed.
    pub nodes: Vec<String>,
    /// `tcp`, `udp`
    pub protocol: String,
    /// Service.
    pub service: Option<String>,
    /// Task.
    pub task: Option<String>,
    /// The client's address.
    pub client: SocketAddr,
    /// The address that the client connects to.
    pub entry: SocketAddr,
    /// Where it ended up.
    pub backend: Option<SocketAddr>,
    /// The connection's state.
    pub state: State,
    /// Nanoseconds since the epoch at the first hop.
    pub started: u64,
    /// How often this flow was printed before.
    pub revision: u32,
    /// SYN to SYN-ACK.
    pub handshake_ns: Option<u64>,
    /// What identifies the flow.
    pub key: Key,
    /// What is known to be missing.
    pub gaps: Vec<serde_json::Value>,
    /// The path.
    pub hops: Vec<Hop>,
    /// Other nodes' clocks.
    #[serde(default)]
    pub clocks: Vec<Clock>,
    /// Sightings of copies that bridges flooded.
    pub copies: u32,
    /// Packets that the kernel says it dropped.
    pub drops: Vec<Dropped>,
    /// Resets that the kernel says it sent.
    pub resets: Vec<ResetSent>,
}

/// A packet that the kernel dropped.
#[derive(Clone, Debug, Deserialize)]
pub struct Dropped {
    /// Name of the node.
    pub node: String,
    /// Inode of the namespace.
    pub netns: u32,
    /// Its name.
    pub namespace: String,
    /// Name of the device.
    pub device: Option<String>,
    /// The kernel's word for why.
    pub reason: Option<String>,
    /// The function that dropped it.
    pub symbol: Option<String>,
    /// The packet's source.
    pub source: SocketAddr,
    /// The packet's destination.
    pub destination: SocketAddr,
}

/// A reset that the kernel sent.
#[derive(Clone, Debug, Deserialize)]
pub struct ResetSent {
    /// Inode of the namespace that sent it.
    pub netns: u32,
    /// The kernel's word for why.
    pub reason: Option<String>,
    /// The reset's source.
    pub source: SocketAddr,
    /// The reset's destination.
    pub destination: SocketAddr,
}

/// What became of a flow.
#[derive(Clone, Debug, Deserialize)]
pub struct State {
    /// `established`, `refused`, …
    pub is: String,
}

/// What a flow is recognised by.
#[derive(Clone, Debug, Deserialize)]
pub struct Key {
    /// The client's initial sequence number.
    pub isn: Option<u32>,
}

/// Another node's clock.
#[derive(Clone, Debug, Deserialize)]
pub struct Clock {
    /// Name of the node.
    pub node: String,
    /// Its clock minus the first node's.
    pub offset_ns: i64,
    /// Half-width of that.
    pub bound_ns: Option<u64>,
}

/// A hop.
#[derive(Clone, Debug, Deserialize)]
pub struct Hop {
    /// Name of the node.
    pub node: String,
    /// Inode of the namespace.
    pub netns: u32,
    /// Name of the namespace.
    pub namespace: String,
    /// `host`, `container`, …
    pub place: String,
    /// Index of the device.
    pub ifindex: u32,
    /// Name of the device.
    pub device: String,
    /// Which way.
    pub way: Way,
    /// `CLOCK_MONOTONIC`.
    pub time_ns: u64,
    /// Since the first hop.
    pub offset_ns: i64,
    /// Half-width of that.
    #[serde(default)]
    pub uncertainty_ns: u64,
    /// `syn`, `syn_ack`, `request`, …
    pub phase: String,
    /// 1 for the first transmission.
    pub attempt: u32,
    /// `forward`, `reply`
    pub leg: String,
    /// Source here.
    pub source: SocketAddr,
    /// Destination here.
    pub destination: SocketAddr,
    /// `skb->mark`
    pub mark: u32,
    /// The VXLAN datagram around it.
    pub vxlan: Option<Vxlan>,
    /// The ICMP error.
    pub icmp: Option<Icmp>,
    /// What happened since the hop before.
    pub rewrites: Vec<Rewrite>,
    /// What happened after the last hop.
    #[serde(default)]
    pub then: Vec<Rewrite>,
    /// `conntrack-confirmed`, …
    pub proof: String,
}

/// A VXLAN datagram.
#[derive(Clone, Debug, Deserialize)]
pub struct Vxlan {
    /// VXLAN network identifier.
    pub vni: u32,
    /// Outer source.
    pub from: IpAddr,
    /// Outer destination.
    pub to: IpAddr,
}

/// An ICMP error.
#[derive(Clone, Debug, Deserialize)]
pub struct Icmp {
    /// Who sent it.
    pub from: IpAddr,
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
}

/// What happened to a packet between two hops.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "did")]
#[expect(missing_docs, reason = "the names are the JSON's")]
pub enum Rewrite {
    Dnat {
        from: SocketAddr,
        to: SocketAddr,
    },
    Redirect {
        from_port: u16,
        to_port: u16,
    },
    Snat {
        from: SocketAddr,
        to: SocketAddr,
    },
    Masquerade {
        from: SocketAddr,
        to: SocketAddr,
    },
    Fwmark {
        mark: u32,
    },
    Ipvs {
        virtual_server: SocketAddr,
        backend: SocketAddr,
        mark: Option<u32>,
    },
    VxlanEncap {
        vni: u32,
        from: IpAddr,
        to: IpAddr,
    },
    VxlanDecap {
        vni: u32,
    },
    UnDnat {
        from: SocketAddr,
        to: SocketAddr,
    },
    UnSnat {
        from: SocketAddr,
        to: SocketAddr,
    },
}

impl Timeline {
    /// The timelines among the lines of `output`; every line must be JSON. Of a
    /// flow that was printed more than once only the last timeline is kept.
    #[track_caller]
    pub fn all(output: &str) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for line in output.lines() {
            let value: serde_json::Value =
                serde_json::from_str(line).unwrap_or_else(|e| panic!("not JSON: {e}: {line}"));
            if value["format"] != "swarmtrace-timeline" {
                continue;
            }
            let timeline: Self = serde_json::from_value(value)
                .unwrap_or_else(|e| panic!("not a timeline: {e}: {line}"));
            assert_eq!(timeline.version, 1);
            let same = |t: &Self| (t.client, t.entry, t.key.isn) == timeline.identity();
            match all.iter().position(same) {
                Some(index) => all[index] = timeline,
                None => all.push(timeline),
            }
        }
        all
    }

    fn identity(&self) -> (SocketAddr, SocketAddr, Option<u32>) {
        (self.client, self.entry, self.key.isn)
    }

    /// The hops of one kind of packet.
    pub fn of(&self, phase: &str, leg: &str) -> Vec<&Hop> {
        let wanted = |hop: &&Hop| hop.phase == phase && hop.leg == leg;
        self.hops.iter().filter(wanted).collect()
    }
}
