//! The nodes that a flow left for and came from, over VXLAN.

use super::model::Peer;
use super::names::Names;
use crate::flow::{Flow, Leg, Phase, Sighting};
use std::net::SocketAddr;
use swarmtrace_common::Direction;

/// The forward leg's addresses inside VXLAN.
pub(super) fn tunnel(flow: &Flow, names: Names<'_>) -> Option<(SocketAddr, SocketAddr)> {
    let inside = |s: &&Sighting| s.vxlan.is_some() || names.is_vxlan(s.at);
    flow.packets
        .iter()
        .filter(|p| p.phase != Phase::IcmpError)
        .find_map(|p| {
            let tuple = p.sightings.iter().find(inside)?.tuple;
            Some(match p.leg {
                Leg::Forward => (tuple.source(), tuple.destination()),
                Leg::Reply => (tuple.destination(), tuple.source()),
            })
        })
}

/// The node that the forward leg left for.
pub(super) fn left_for(flow: &Flow, names: Names<'_>) -> Option<Peer> {
    let last = flow.furthest()?.sightings.last()?;
    if last.way == Direction::Ingress {
        return None;
    }
    match &last.vxlan {
        Some((vni, outer)) => {
            let vtep = outer.destination().ip();
            Some(Peer {
                vtep,
                node: names.node_of(vtep),
                vni: *vni,
            })
        }
        None => names.behind(last.at, last.tuple.destination().ip()),
    }
}

/// The node that the forward leg came from.
pub(super) fn came_from(flow: &Flow, names: Names<'_>) -> Option<Peer> {
    let first = flow.outset().next()?.sightings.first()?;
    if first.way == Direction::Egress {
        return None;
    }
    match &first.vxlan {
        Some((vni, outer)) => {
            let vtep = outer.source().ip();
            Some(Peer {
                vtep,
                node: names.node_of(vtep),
                vni: *vni,
            })
        }
        None => names.behind(first.at, first.tuple.source().ip()),
    }
}
