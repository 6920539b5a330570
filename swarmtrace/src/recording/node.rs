//! `swarmtrace-node`: what one node was, and which of its devices were tapped.

use super::record::{Format, Record};
use crate::sys::clock::Mono;
use crate::topology::{DeviceRef, Topology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The node of a trace. It follows the timelines, so that `join` can judge a
/// connection by what every node saw, or would have seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeLine {
    /// Name of the node.
    pub node: String,
    /// When each tap was in place.
    pub taps: Vec<TapSpan>,
    /// `CLOCK_MONOTONIC` since when flows are reported at every tap that they pass;
    /// null where they are lost as soon as their port is rewritten.
    #[schemars(with = "Option<u64>")]
    pub follows_since: Option<Mono>,
    /// The node's topology when the trace ended.
    pub topology: Topology,
}

/// When the taps of a device were in place, by the node's `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TapSpan {
    /// Inode of the namespace.
    pub netns: u32,
    /// Index of the device in the namespace.
    pub ifindex: u32,
    /// From when.
    #[schemars(with = "u64")]
    pub from: Mono,
    /// Until when, at least.
    #[schemars(with = "u64")]
    pub until: Mono,
}

impl TapSpan {
    /// The device.
    pub fn at(&self) -> DeviceRef {
        DeviceRef {
            namespace: self.netns,
            ifindex: self.ifindex,
        }
    }
}

impl Record for NodeLine {
    const FORMAT: Format = Format {
        name: "swarmtrace-node",
        written_by: "follow",
        read_by: "join",
        changes: &["First version."],
    };
}
