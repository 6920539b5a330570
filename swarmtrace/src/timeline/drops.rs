//! What a kernel itself reports of a flow's packets: dropped, or answered with a
//! reset. Both are joined to a flow by its addresses and the namespace.

use super::names::Names;
use crate::flow::Flow;
use crate::sys::clock::Mono;
use crate::sys::kernel_names::KernelNames;
use crate::topology::DeviceRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use swarmtrace_common::NO_REASON;

/// A packet that the kernel dropped (`skb:kfree_skb`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PacketDrop {
    /// When, by its node's clock.
    pub time: Mono,
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

impl PacketDrop {
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
            // The compiler's variants of a function (`.isra.0`) are that function.
            let name = symbol.split(['+', ' ', '.']).next().unwrap_or(symbol);
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResetSent {
    /// When, by its node's clock.
    pub time: Mono,
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

/// A flow's drops by name.
pub(super) fn drops(flow: &Flow, names: Names<'_>, kernel: &KernelNames) -> Vec<PacketDrop> {
    let mut drops: Vec<PacketDrop> = (flow.drops.iter())
        .filter(|drop| is_here(flow, names, drop.netns))
        .map(|drop| PacketDrop {
            time: drop.time,
            node: names.0.hostname.clone(),
            netns: drop.netns,
            namespace: namespace(names, drop.netns),
            ifindex: drop.ifindex,
            device: (drop.ifindex != 0).then(|| {
                names.device(DeviceRef {
                    namespace: drop.netns,
                    ifindex: drop.ifindex,
                })
            }),
            reason: reason(drop.reason, |number| kernel.drop_reason(number)),
            symbol: kernel.function(drop.location),
            source: drop.tuple.source(),
            destination: drop.tuple.destination(),
            skb: drop.skb,
        })
        .collect();
    drops.sort_by_key(|drop| drop.time);
    drops
}

/// A flow's resets by name.
pub(super) fn resets(flow: &Flow, names: Names<'_>, kernel: &KernelNames) -> Vec<ResetSent> {
    let mut resets: Vec<ResetSent> = (flow.resets.iter())
        .filter(|reset| is_here(flow, names, reset.netns))
        .map(|reset| ResetSent {
            time: reset.time,
            node: names.0.hostname.clone(),
            netns: reset.netns,
            namespace: namespace(names, reset.netns),
            source: reset.tuple.source(),
            destination: reset.tuple.destination(),
            reason: reason(reset.reason, |number| kernel.reset_reason(number)),
        })
        .collect();
    resets.sort_by_key(|reset| reset.time);
    resets
}

/// Whether a namespace is one of the node's, as far as that is known: others on
/// the same kernel (somebody's container or machine) are none of its business.
fn is_here(flow: &Flow, names: Names<'_>, netns: u32) -> bool {
    let known = netns == 0 || names.0.namespace(netns).is_some();
    known
        || flow
            .packets
            .iter()
            .flat_map(|p| &p.sightings)
            .any(|s| s.netns == netns)
}

fn namespace(names: Names<'_>, netns: u32) -> String {
    match netns {
        0 => "an unknown namespace".to_owned(),
        netns => names.namespace(netns),
    }
}

/// A reason's name, or its number where the kernel publishes none for it.
fn reason<'a>(number: u32, name: impl Fn(u32) -> Option<&'a str>) -> Option<String> {
    (number != NO_REASON).then(|| name(number).map_or_else(|| number.to_string(), str::to_owned))
}
