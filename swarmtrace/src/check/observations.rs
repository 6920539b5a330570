//! A trace's connections in few bytes each.
//!
//! Later revisions of a timeline replace earlier ones. Only the times from hop to
//! hop are kept; the hops' names are shared.

use crate::sys::clock::{Mono, Nanos, Wall};
use crate::timeline::{
    DatagramKey, Direction, Hop, Leg, Phase, Protocol, State, Timeline, same_packet,
};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// The service that connections are for, and the backend that they reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// The service's name, or `:8080` where only the port is known.
    pub service: String,
    /// The task's name, else its address; `None` for connections that did not
    /// reach one.
    pub backend: Option<String>,
}

/// A point of a packet's path: one direction of one device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathPoint {
    /// The device's part on the path: `ingress vxlan`.
    pub role: Arc<str>,
    /// Which way the packet crossed the device.
    pub way: Direction,
    /// Name of the namespace.
    pub namespace: Arc<str>,
    /// Name of the device.
    pub device: Arc<str>,
}

impl PathPoint {
    /// The name that the latency table prints: `ingress vxlan out`.
    pub fn label(&self) -> String {
        format!("{} {}", self.role, self.way.name())
    }
}

/// One hop of a packet.
#[derive(Clone, Copy, Debug)]
pub struct PathStep {
    /// Index into [`Observations::points`].
    pub point: u32,
    /// Whether the hop before is on another node.
    pub far: bool,
    /// Time since the hop before; `None` for a packet's first hop, and
    /// where two nodes' clocks cannot be compared.
    pub took: Option<Nanos>,
}

/// The path of one packet.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Which leg of the connection.
    pub leg: Leg,
    /// The steps, in the order of the path.
    pub steps: Vec<PathStep>,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Index into [`Observations::targets`].
    pub target: usize,
    /// Whether it is a TCP connection, which has a handshake.
    pub tcp: bool,
    /// When it began.
    pub started: Wall,
    /// SYN to SYN-ACK.
    pub handshake: Option<Nanos>,
    /// First data to first data back.
    pub first_byte: Option<Nanos>,
    /// Whether a reset answered the SYN.
    pub refused: bool,
    /// Whether there was a reset.
    pub reset: bool,
    /// Whether the client got no answer.
    pub unanswered: bool,
    /// Whether it was neither established nor closed in order.
    pub failed: bool,
    /// Retransmitted SYNs.
    pub syn_again: u64,
    /// Retransmitted packets.
    pub again: u64,
    /// Its packets.
    pub packets: Vec<Packet>,
}

/// Identifies a flow over all its revisions.
type Key = (SocketAddr, Option<u32>, Option<DatagramKey>, Mono);

/// The connections of a trace.
#[derive(Debug, Default)]
pub struct Observations {
    /// The targets of connections.
    pub targets: Vec<Target>,
    /// The points of their paths.
    pub points: Vec<PathPoint>,
    /// The connections.
    pub connections: Vec<Connection>,
    target_of: HashMap<Target, usize>,
    point_of: HashMap<PathPoint, u32>,
    known: HashMap<Key, usize>,
}

impl Observations {
    /// No connections yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a timeline, or replaces an earlier revision of it. Returns whether the
    /// flow is new.
    pub fn add(&mut self, timeline: &Timeline) -> bool {
        let key: Key = (
            timeline.client,
            timeline.key.isn,
            timeline.key.datagram,
            timeline.started_monotonic,
        );
        let connection = self.connection(timeline);
        if let Some(earlier) = self.known.get(&key)
            && let Some(point) = self.connections.get_mut(*earlier)
        {
            *point = connection;
            return false;
        }
        self.known.insert(key, self.connections.len());
        self.connections.push(connection);
        true
    }

    fn connection(&mut self, timeline: &Timeline) -> Connection {
        let target = self.target(timeline);
        let packets: Vec<Packet> = (timeline.hops.chunk_by(same_packet))
            .map(|hops| self.packet(hops))
            .collect();
        let is = |phase| move |hop: &&Hop| hop.phase == phase;
        let syns = timeline.hops.iter().filter(is(Phase::Syn));
        let sent = syns.map(|hop| hop.attempt).max().unwrap_or(1);
        let state = &timeline.state;
        Connection {
            target,
            tcp: timeline.protocol == Protocol::Tcp,
            started: timeline.started,
            handshake: timeline.handshake_ns.map(at_least_none),
            first_byte: timeline.first_byte_ns.map(at_least_none),
            refused: matches!(state, State::Refused { .. }),
            reset: matches!(state, State::Refused { .. } | State::Reset { .. })
                || timeline.hops.iter().any(|hop| hop.phase == Phase::Rst),
            unanswered: matches!(state, State::Unanswered | State::AnswerLost { .. }),
            failed: !matches!(state, State::Established | State::Closed),
            syn_again: u64::from(sent.saturating_sub(1)),
            again: u64::from(timeline.retransmissions),
            packets,
        }
    }

    fn target(&mut self, timeline: &Timeline) -> usize {
        let by_port = || format!(":{}", timeline.entry.port());
        let by_address = || timeline.backend.map(|address| address.to_string());
        let target = Target {
            service: timeline.service.clone().unwrap_or_else(by_port),
            backend: timeline.task.clone().or_else(by_address),
        };
        let targets = &mut self.targets;
        *self.target_of.entry(target).or_insert_with_key(|target| {
            targets.push(target.clone());
            targets.len() - 1
        })
    }

    fn packet(&mut self, hops: &[Hop]) -> Packet {
        let mut before: Option<&Hop> = None;
        let mut steps = Vec::with_capacity(hops.len());
        for hop in hops {
            let far = before.is_some_and(|b| b.node != hop.node);
            let took = before.and_then(|before| {
                let comparable = before.uncertainty_ns.is_some() && hop.uncertainty_ns.is_some();
                if far && !comparable {
                    return None;
                }
                Some(at_least_none(hop.offset_ns - before.offset_ns))
            });
            let point = self.point(hop);
            steps.push(PathStep { point, far, took });
            before = Some(hop);
        }
        Packet {
            leg: hops.first().map_or(Leg::Forward, |hop| hop.leg),
            steps,
        }
    }

    fn point(&mut self, hop: &Hop) -> u32 {
        let point = PathPoint {
            role: Arc::clone(&hop.role),
            way: hop.way,
            namespace: Arc::clone(&hop.namespace),
            device: Arc::clone(&hop.device),
        };
        let points = &mut self.points;
        *self.point_of.entry(point).or_insert_with_key(|point| {
            points.push(point.clone());
            u32::try_from(points.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

/// A time that passed: where two clocks disagree, it is none rather than negative.
fn at_least_none(time: Nanos) -> Nanos {
    time.max(Nanos::ZERO)
}
