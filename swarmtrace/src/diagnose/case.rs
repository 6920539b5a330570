//! What a verdict is reached from: one flow's timeline and what surrounds it.
//!
//! A [`Case`] only borrows. Everything in it is plain data that can be read
//! from a recording, so that a rule gives the same verdict live and on a file.
//! The drops and resets are those that were joined to this very flow; which
//! leg they belong to and where on the path they lie is worked out here.

use crate::timeline::{Timeline, Way};
use crate::topology::Topology;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// One flow, everything known about it, and about the machine around it.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The path that was seen.
    pub timeline: &'a Timeline,
    /// Packets of this flow that the kernel freed as dropped.
    pub drops: &'a [Drop],
    /// Resets that a kernel says it sent for this flow.
    pub resets: &'a [ResetSent],
    /// What was watched, and whether all of it arrived.
    pub coverage: &'a Coverage,
    /// This node.
    pub topology: &'a Topology,
    /// Other nodes' snapshots, where recordings were joined; empty live.
    pub others: &'a [Topology],
    /// What the backend's task was doing when it happened, where it is known.
    pub task_state: Option<TaskState>,
}

/// A packet that the kernel dropped (`skb:kfree_skb`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drop {
    /// CLOCK_MONOTONIC of its node, nanoseconds.
    pub time: u64,
    /// Name of the node.
    pub node: String,
    /// Inode of the network namespace.
    pub netns: u32,
    /// Name of the network namespace.
    pub namespace: String,
    /// Index of the device that the packet was on; 0 where it was on none.
    pub ifindex: u32,
    /// Name of that device.
    pub device: Option<String>,
    /// The reason's name as the running kernel's BTF has it, with or without
    /// its `SKB_DROP_REASON_` prefix; absent on kernels without reasons.
    pub reason: Option<String>,
    /// The kernel function that dropped it, where the address was resolved.
    pub symbol: Option<String>,
    /// The packet's source (inside VXLAN, the inner packet's).
    pub source: SocketAddr,
    /// The packet's destination (inside VXLAN, the inner packet's).
    pub destination: SocketAddr,
    /// The sk_buff's address: a hint of identity, never proof.
    pub skb: u64,
}

impl Drop {
    /// The reason without its prefix; `None` for the kernel's "not specified".
    pub fn reason(&self) -> Option<&str> {
        let name = self.reason.as_deref()?;
        let name = name.strip_prefix("SKB_DROP_REASON_").unwrap_or(name);
        (!name.is_empty() && name != "NOT_SPECIFIED").then_some(name)
    }

    /// Whether the reason is one of `names`, written without their prefix.
    pub fn is(&self, names: &[&str]) -> bool {
        self.reason().is_some_and(|r| names.contains(&r))
    }

    /// Whether the call site is one of `functions` (`name` or `name+0x1f/0x80`).
    pub fn at(&self, functions: &[&str]) -> bool {
        self.symbol.as_deref().is_some_and(|symbol| {
            let name = symbol.split(['+', ' ']).next().unwrap_or(symbol);
            functions.contains(&name)
        })
    }

    /// Whether netfilter dropped it, by reason or, without reasons, by call site.
    pub fn by_netfilter(&self) -> bool {
        const SITES: [&str; 3] = ["nf_hook_slow", "nft_do_chain", "ipt_do_table"];
        self.is(&["NETFILTER_DROP"]) || (self.reason().is_none() && self.at(&SITES))
    }

    /// `NETFILTER_DROP at nft_do_chain in vote.2 (eth0)`
    pub fn describe(&self) -> String {
        let what = match (self.reason(), self.symbol.as_deref()) {
            (Some(reason), Some(symbol)) => format!("{reason} at {symbol}"),
            (Some(reason), None) => reason.to_owned(),
            (None, Some(symbol)) => format!("at {symbol}"),
            (None, None) => "no reason given".to_owned(),
        };
        match &self.device {
            Some(device) => format!("{what} in {} ({device})", self.namespace),
            None => format!("{what} in {}", self.namespace),
        }
    }
}

/// A reset that the kernel sent (`tcp:tcp_send_reset`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetSent {
    /// CLOCK_MONOTONIC of its node, nanoseconds.
    pub time: u64,
    /// Name of the node.
    pub node: String,
    /// Inode of the network namespace whose stack sent it.
    pub netns: u32,
    /// Name of that namespace.
    pub namespace: String,
    /// The reset's source.
    pub source: SocketAddr,
    /// The reset's destination.
    pub destination: SocketAddr,
    /// The reason's name, with or without its `SK_RST_REASON_` prefix.
    pub reason: Option<String>,
}

impl ResetSent {
    /// The reason without its prefix; `None` for the kernel's "not specified".
    pub fn reason(&self) -> Option<&str> {
        let name = self.reason.as_deref()?;
        let name = name.strip_prefix("SK_RST_REASON_").unwrap_or(name);
        (!name.is_empty() && name != "NOT_SPECIFIED").then_some(name)
    }
}

/// What was watched while the flow lived, node by node. A node that is not in
/// it was not watched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// By name of the node.
    pub nodes: BTreeMap<String, NodeCoverage>,
}

/// What was watched on one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCoverage {
    /// The taps that were attached for the whole of the flow's life.
    pub taps: BTreeSet<Tap>,
    /// Events that were lost on the way from the kernel in that time.
    pub lost: u64,
}

/// Where a tap is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tap {
    /// Inode of the namespace.
    pub netns: u32,
    /// Index of the device in the namespace.
    pub ifindex: u32,
    /// Direction.
    pub way: Way,
}

impl Coverage {
    /// Coverage of one node.
    pub fn of(node: impl Into<String>, taps: impl IntoIterator<Item = Tap>, lost: u64) -> Self {
        let taps = taps.into_iter().collect();
        let nodes = BTreeMap::from([(node.into(), NodeCoverage { taps, lost })]);
        Self { nodes }
    }

    /// Whether that tap was attached.
    pub fn tapped(&self, node: &str, tap: Tap) -> bool {
        self.nodes.get(node).is_some_and(|n| n.taps.contains(&tap))
    }

    /// Events lost on all nodes together.
    pub fn lost(&self) -> u64 {
        self.nodes
            .values()
            .fold(0, |sum, node| sum.saturating_add(node.lost))
    }
}

/// What a task was doing at the moment of the failure, by Docker's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum TaskState {
    /// It ran, and had for a while.
    Running,
    /// Its container had been started, its health check had not passed yet (or
    /// it was started a moment before).
    Starting,
    /// Its container had been told to stop, or was gone.
    Stopped {
        /// For how long.
        ms_ago: u64,
    },
}

impl TaskState {
    /// `stopped 3.2 s before`
    pub fn describe(self) -> String {
        match self {
            Self::Running => "running".to_owned(),
            Self::Starting => "starting".to_owned(),
            Self::Stopped { ms_ago } => {
                format!("stopped {}.{} s before", ms_ago / 1000, ms_ago % 1000 / 100)
            }
        }
    }
}
