//! Names for what the kernel reported of a flow's packets.

use super::kernel_reports::{PacketDrop, ResetSent};
use super::names::Names;
use crate::flow::Flow;
use crate::sys::kernel_names::KernelNames;
use crate::topology::DeviceRef;
use swarmtrace_common::NO_REASON;

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

/// Whether a namespace is one of the node's, as far as that is known: reports
/// of other namespaces on the same kernel are left out.
fn is_here(flow: &Flow, names: Names<'_>, netns: u32) -> bool {
    let known = netns == 0 || names.0.namespace(netns).is_some();
    known
        || flow
            .packets
            .iter()
            .flat_map(|p| &p.sightings)
            .any(|s| s.at.namespace == netns)
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
