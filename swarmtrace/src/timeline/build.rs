//! From a flow and a topology to a timeline.
//!
//! Nothing is added to what was seen: every hop is a sighting, and a state follows
//! from the hops alone. In particular a path that ends is no evidence that the packet
//! was dropped there.

use super::drops::{drops, resets};
use super::edges::Translations;
use super::ends::Ends;
use super::flooded;
use super::hops::hops;
use super::model::{DatagramKey, Gap, JoinKey, Timeline};
use super::names::Names;
use super::peers::{came_from, left_for, tunnel};
use super::state::{reached, state};
use crate::flow::{Flow, FlowPacket, Leg, Phase};
use crate::sys::clock::{Mono, Nanos};
use crate::sys::kernel_names::KernelNames;
use crate::sys::protocol::Protocol;
use crate::topology::Topology;

impl Flow {
    /// The flow's timeline, with that topology's names. `wall_offset` is the node's
    /// [`wall_offset`](crate::sys::clock::wall_offset) when the flow was seen.
    /// Reasons of drops and resets are given by number: see [`Flow::timeline_with`].
    pub fn timeline(&self, topology: &Topology, wall_offset: Nanos) -> Timeline {
        self.timeline_with(topology, wall_offset, &KernelNames::default())
    }

    /// [`Flow::timeline`] with the kernel's names for why packets were dropped,
    /// by which of its functions, and why resets were sent.
    pub fn timeline_with(
        &self,
        topology: &Topology,
        wall_offset: Nanos,
        kernel: &KernelNames,
    ) -> Timeline {
        let (path, flooded) = flooded::leave_out(self, Names(topology));
        Timeline {
            drops: drops(self, Names(topology), kernel),
            resets: resets(self, Names(topology), kernel),
            ..path.packet_timeline(topology, wall_offset, flooded)
        }
    }

    /// The timeline without drops and resets, of a flow without flooded frames.
    fn packet_timeline(&self, topology: &Topology, wall_offset: Nanos, flooded: u32) -> Timeline {
        let names = Names(topology);
        let known = Translations::of(self);
        let started_monotonic = self.first_time().unwrap_or(Mono::ZERO);
        let hops = hops(self, names, &known, started_monotonic);
        let since_start = hops.iter().map(|h| h.time_ns.since(started_monotonic));
        let duration_ns = since_start.max().unwrap_or_default();
        let reached = reached(&hops);
        let ends = Ends::of(self, names, &known);
        let (service, task, task_node) = ends.served_by(self, names);
        let request = |p: &&FlowPacket| p.phase == Phase::Request && p.leg == Leg::Forward;
        Timeline {
            nodes: vec![topology.hostname.clone()],
            protocol: self.protocol,
            service,
            task,
            task_node,
            client: ends.client,
            entry: ends.entry,
            entry_node: names.node_of(ends.entry.ip()),
            backend: ends.backend,
            state: state(
                self.protocol,
                self.client_closed && self.server_closed,
                &hops,
            ),
            reached,
            started: started_monotonic.wall(wall_offset),
            started_monotonic,
            handshake_ns: self.round_trip(Phase::Syn, Phase::SynAck),
            first_byte_ns: self.round_trip(Phase::Request, Phase::Response),
            duration_ns,
            key: JoinKey {
                isn: self.isn,
                server_isn: self.server_isn,
                datagram: (self.protocol == Protocol::Udp)
                    .then(|| self.packets.iter().find(request))
                    .flatten()
                    .map(|p| DatagramKey {
                        ip_id: p.ip_id,
                        length: p.payload_length,
                        tag: p.seq ^ p.payload_length,
                    }),
                tunnel: tunnel(self, names),
            },
            left_for: left_for(self, names),
            came_from: came_from(self, names),
            retransmissions: self.retransmissions(),
            gaps: gaps(self),
            revision: self.revision,
            hops,
            clocks: Vec::new(),
            flooded,
            drops: Vec::new(),
            resets: Vec::new(),
        }
    }
}

/// Why parts of the flow may be missing.
fn gaps(flow: &Flow) -> Vec<Gap> {
    let mut gaps = Vec::new();
    if flow.events_lost > 0 {
        gaps.push(Gap::EventsLost {
            count: flow.events_lost,
        });
    }
    if !flow.start_seen {
        gaps.push(Gap::StartNotSeen);
    }
    if flow.omitted > 0 {
        gaps.push(Gap::Omitted {
            count: flow.omitted,
        });
    }
    gaps
}
