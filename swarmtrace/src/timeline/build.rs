//! From a flow and a topology to a timeline.
//!
//! Nothing is added to what was seen: every hop is a sighting, and a state
//! says no more than the hops do. In particular a path that ends says where it
//! ends, not that the packet was dropped there.

use super::edges::{self, Translations};
use super::names::Names;
use super::state::{reached, state};
use super::tap_names::Labels;
use super::{
    Conntrack, DatagramKey, FORMAT, Gap, Hop, Icmp, JoinKey, Leg, PacketKey, Peer, Phase, Protocol,
    Timeline, VERSION, Way,
};
use crate::flow::{Flow, FlowPacket, Sighting};
use crate::sys::kernel_names::KernelNames;
use crate::topology::Topology;
use std::net::SocketAddr;
use swarmtrace_common::Tuple;

impl Flow {
    /// The flow's timeline, with that topology's names. `wall_offset_ns` is
    /// CLOCK_REALTIME minus CLOCK_MONOTONIC on the node when the flow was seen.
    /// Drops and resets keep the kernel's names out: see
    /// [`Flow::timeline_with`].
    pub fn timeline(&self, topology: &Topology, wall_offset_ns: i64) -> Timeline {
        self.timeline_with(topology, wall_offset_ns, &KernelNames::default())
    }

    /// [`Flow::timeline`] with the kernel's names for why packets were dropped,
    /// by which of its functions, and why resets were sent.
    pub fn timeline_with(
        &self,
        topology: &Topology,
        wall_offset_ns: i64,
        kernel: &KernelNames,
    ) -> Timeline {
        let (path, copies) = super::flooded::leave_out(self, Names(topology));
        Timeline {
            drops: super::drops::drops(self, Names(topology), kernel),
            resets: super::drops::resets(self, Names(topology), kernel),
            ..path.told(topology, wall_offset_ns, copies)
        }
    }

    /// The timeline of a flow without copies.
    fn told(&self, topology: &Topology, wall_offset_ns: i64, copies: u32) -> Timeline {
        let names = Names(topology);
        let known = Translations::of(self);
        let started_monotonic = self.first_time().unwrap_or(0);
        let hops = hops(self, names, &known, started_monotonic);
        let duration_ns = hops
            .iter()
            .map(|h| h.time_ns.saturating_sub(started_monotonic))
            .max()
            .unwrap_or(0);
        let reached = reached(&hops);
        let ends = Ends::of(self, names, &known);
        let (service, task, task_node) = ends.served_by(self, names);
        let request = |p: &&FlowPacket| p.phase == Phase::Request && p.leg == Leg::Forward;
        Timeline {
            format: FORMAT.to_owned(),
            version: VERSION,
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
            started: started_monotonic.saturating_add_signed(wall_offset_ns),
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
            copies,
            drops: Vec::new(),
            resets: Vec::new(),
        }
    }

    /// Where the first packet of the reply leg was first seen.
    fn first_answer(&self) -> Option<&Sighting> {
        let answers = |p: &&FlowPacket| p.leg == Leg::Reply && p.phase != Phase::IcmpError;
        self.packets.iter().find(answers)?.sightings.first()
    }

    fn retransmissions(&self) -> u32 {
        let again = |p: &&FlowPacket| {
            p.attempt > 1 && !matches!(p.phase, Phase::Rst | Phase::IcmpError | Phase::Ack)
        };
        u32::try_from(self.packets.iter().filter(again).count()).unwrap_or(u32::MAX)
    }

    /// Forward packets of that phase (all transmissions).
    fn of(&self, phase: Phase) -> impl Iterator<Item = &FlowPacket> {
        self.packets.iter().filter(move |p| p.phase == phase)
    }

    /// From the first packet of one phase to the first of another, both at the
    /// first device of the path that saw both.
    fn round_trip(&self, there: Phase, back: Phase) -> Option<u64> {
        let sightings = |phase| self.of(phase).flat_map(|p| &p.sightings);
        sightings(there).find_map(|out| {
            let answer = sightings(back).find(|s| s.same_device(out) && s.way != out.way)?;
            answer.time.checked_sub(out.time)
        })
    }

    /// Packets that carry the forward leg's path: SYNs, UDP requests; what
    /// there is of a flow whose start was not seen.
    fn outset(&self) -> impl Iterator<Item = &FlowPacket> {
        let opening = |p: &FlowPacket| {
            p.phase == Phase::Syn || (self.protocol == Protocol::Udp && p.phase == Phase::Request)
        };
        let any = self.packets.iter().any(opening);
        self.packets.iter().filter(move |p| {
            opening(p) || (!any && p.leg == Leg::Forward && p.phase != Phase::IcmpError)
        })
    }

    /// The outset's transmission that got furthest.
    fn furthest(&self) -> Option<&FlowPacket> {
        // Of equals the first: `max_by_key` would give the last.
        self.outset()
            .fold(None, |best: Option<&FlowPacket>, p| match best {
                Some(b) if b.sightings.len() >= p.sightings.len() => best,
                _ => Some(p),
            })
    }
}

fn hops(flow: &Flow, names: Names<'_>, known: &Translations, start: u64) -> Vec<Hop> {
    let mut labels = Labels::new(names);
    let mut hops = Vec::with_capacity(flow.packets.iter().map(|p| p.sightings.len()).sum());
    for packet in &flow.packets {
        // An ICMP error's addresses are the quoted packet's, which goes the
        // other way.
        let leg = match (packet.phase, packet.leg) {
            (Phase::IcmpError, Leg::Forward) => Leg::Reply,
            (Phase::IcmpError, Leg::Reply) => Leg::Forward,
            (_, leg) => leg,
        };
        let mut before: Option<&Sighting> = None;
        for sighting in &packet.sightings {
            let (mut rewrites, proof) = match before {
                None => edges::first(names, known, leg, sighting),
                Some(from) => edges::between(names, known, leg, from, sighting),
            };
            if packet.phase == Phase::IcmpError {
                // The quoted addresses follow the translation back.
                rewrites.clear();
            }
            hops.push(hop(packet, sighting, &mut labels, start, rewrites, proof));
            before = Some(sighting);
        }
        if let (Some(last), Some(hop)) = (before, hops.last_mut())
            && packet.phase != Phase::IcmpError
            && packet.leg == Leg::Forward
        {
            hop.then = edges::last(names, known, leg, last);
        }
    }
    hops
}

fn hop(
    packet: &FlowPacket,
    sighting: &Sighting,
    labels: &mut Labels<'_>,
    start: u64,
    rewrites: Vec<super::Rewrite>,
    proof: super::Proof,
) -> Hop {
    let label = labels.tap(edges::device(sighting));
    Hop {
        node: labels.node(),
        netns: sighting.netns,
        namespace: label.namespace,
        place: label.place,
        ifindex: sighting.ifindex,
        device: label.device,
        role: label.role,
        way: sighting.way,
        time_ns: sighting.time,
        offset_ns: i64::try_from(i128::from(sighting.time) - i128::from(start)).unwrap_or(i64::MAX),
        uncertainty_ns: Some(0),
        phase: packet.phase,
        attempt: packet.attempt,
        packet: PacketKey {
            seq: packet.seq,
            ack: packet.ack,
            tsval: packet.tsval,
            ip_id: packet.ip_id,
            payload_length: packet.payload_length,
        },
        leg: packet.leg,
        source: sighting.tuple.source(),
        destination: sighting.tuple.destination(),
        mark: sighting.mark,
        vxlan: sighting
            .vxlan
            .as_ref()
            .map(|(vni, outer)| labels.vxlan(*vni, outer)),
        icmp: sighting.icmp.as_ref().map(|outer| Icmp {
            from: outer.source().ip(),
            to: outer.destination().ip(),
            kind: u8::try_from(outer.src_port).unwrap_or(u8::MAX),
            code: u8::try_from(outer.dst_port).unwrap_or(u8::MAX),
        }),
        conntrack: sighting
            .conntrack
            .as_ref()
            .map(|(original, reply)| Conntrack {
                original: (original.source(), original.destination()),
                reply: (reply.source(), reply.destination()),
            }),
        rewrites,
        then: Vec::new(),
        proof,
    }
}

/// Who talks to whom.
struct Ends {
    client: SocketAddr,
    entry: SocketAddr,
    backend: Option<SocketAddr>,
    mark: u32,
}

impl Ends {
    fn of(flow: &Flow, names: Names<'_>, known: &Translations) -> Self {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let origin = match flow.outset().next().and_then(|p| p.sightings.first()) {
            Some(first) => Some(known.origin(Leg::Forward, first)),
            // Only answers were seen: their last hop is nearest to the client.
            None => flow
                .packets
                .iter()
                .filter(|p| p.leg == Leg::Reply && p.phase != Phase::IcmpError)
                .find_map(|p| p.sightings.last())
                .map(|s| s.tuple.reversed()),
        };
        let end = flow.furthest().and_then(|p| p.sightings.last());
        let backend = end.and_then(|last| {
            let then = known
                .after(Leg::Forward, last)
                .filter(|_| last.way == Way::In);
            let tuple = then.map_or(last.tuple, |(_, after)| after);
            let arrived = names.container_in(last.netns).is_some() && last.way == Way::In;
            let moved = origin.is_some_and(|o: Tuple| o.destination() != tuple.destination());
            (arrived || moved || then.is_some()).then(|| tuple.destination())
        });
        // Only answers were seen: they come from where the connection ends.
        let backend = backend.or_else(|| {
            let source = flow.first_answer()?.tuple.source();
            (end.is_none() && origin.is_some_and(|o: Tuple| o.destination() != source))
                .then_some(source)
        });
        let mark = flow
            .outset()
            .flat_map(|p| &p.sightings)
            .map(|s| s.mark)
            .find(|mark| names.service_of_mark(*mark).is_some())
            .unwrap_or(0);
        Self {
            client: origin.map_or(unknown, |o| o.source()),
            entry: origin.map_or(unknown, |o| o.destination()),
            backend,
            mark,
        }
    }

    /// Service, task, and the task's node.
    fn served_by(
        &self,
        flow: &Flow,
        names: Names<'_>,
    ) -> (Option<String>, Option<String>, Option<String>) {
        let last = flow.furthest().and_then(|p| p.sightings.last());
        let left = || flow.first_answer().filter(|s| s.way == Way::Out);
        let arrived = last.filter(|s| s.way == Way::In);
        let arrived = if last.is_none() { left() } else { arrived };
        let address = self.backend.unwrap_or(self.entry).ip();
        let task = arrived
            .and_then(|s| names.task_in(s.netns))
            .or_else(|| names.0.task_by_address(address));
        let endpoint = names.endpoint(address);
        let protocol = match flow.protocol {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Sctp => 132,
        };
        let service = names
            .service_of_mark(self.mark)
            .or_else(|| names.0.service_by_vip(self.entry.ip()))
            .map(|s| s.name.clone())
            .or_else(|| task.map(|t| t.service.clone()).filter(|s| !s.is_empty()))
            .or_else(|| endpoint.and_then(|e| e.service.clone()))
            .or_else(|| {
                let service = names.service_of_port(protocol, self.entry.port());
                service.map(|s| s.name.clone())
            });
        let name = task
            .map(|t| t.name.clone())
            .or_else(|| {
                endpoint
                    .filter(|e| e.service.is_some())
                    .map(|e| e.name.clone())
            })
            .or_else(|| Some(names.container_in(arrived?.netns)?.name.clone()));
        let node = task
            .and_then(|t| names.node_of_task(t))
            .or_else(|| names.node_of(endpoint?.host?))
            .or_else(|| {
                names.container_in(arrived?.netns)?;
                Some(names.0.hostname.clone())
            });
        (service, name, node)
    }
}

/// The forward leg's addresses inside VXLAN.
fn tunnel(flow: &Flow, names: Names<'_>) -> Option<(SocketAddr, SocketAddr)> {
    let inside = |s: &&Sighting| s.vxlan.is_some() || names.is_vxlan(edges::device(s));
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

fn left_for(flow: &Flow, names: Names<'_>) -> Option<Peer> {
    let last = flow.furthest()?.sightings.last()?;
    if last.way == Way::In {
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
        None => names.behind(edges::device(last), last.tuple.destination().ip()),
    }
}

fn came_from(flow: &Flow, names: Names<'_>) -> Option<Peer> {
    let first = flow.outset().next()?.sightings.first()?;
    if first.way == Way::Out {
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
        None => names.behind(edges::device(first), first.tuple.source().ip()),
    }
}

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
