//! What a kernel itself reports of a flow's packets: dropped, or answered with a
//! reset. Both are joined to a flow by its addresses and the namespace.

use crate::sys::clock::Mono;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

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
    /// The `sk_buff`'s address: a hint of identity, never proof.
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
